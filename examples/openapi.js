// Shows /openapi.json and calls what it describes. Whatever comes from there is text, and never markup.
"use strict";

const METHODS = ["get", "head", "post", "put", "patch", "delete", "options", "trace"];
const token = document.getElementById("token");

const style = new CSSStyleSheet();
style.replaceSync(`
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
  summary { cursor: pointer; padding: .3rem 0 } details > div { padding: 0 0 1rem 1rem }
  pre { overflow: auto; padding: .5rem; border: 1px solid; white-space: pre-wrap; overflow-wrap: anywhere }
  dt { font-weight: bold } textarea { width: 100% }`);
document.adoptedStyleSheets = [style];

/** An element with its children; strings become text. */
function make(name, ...children) {
  const element = document.createElement(name);
  element.append(...children);
  return element;
}

/** Alternatives of requirements that are all needed: `orders:read, or orders:audit`. */
function whoMay(security) {
  if (!security || security.length === 0) return "everybody";
  const alternatives = security.map((requirement) => {
    const schemes = Object.entries(requirement);
    if (schemes.length === 0) return "everybody";
    return schemes.map(([, scopes]) => scopes.join(" and ") || "a token").join(" and ");
  });
  return alternatives.join(", or ");
}

function describe(answer) {
  const examples = Object.entries(answer.headers ?? {}).filter(([, header]) => header.example);
  const lines = examples.map(([name, header]) => make("div", make("code", `${name}: ${header.example}`)));
  return make("dd", answer.description ?? "", ...lines);
}

function answers(operation) {
  const all = Object.entries(operation.responses ?? {});
  return make("dl", ...all.flatMap(([status, answer]) => [make("dt", status), describe(answer)]));
}

/** The inputs of an operation: each parameter in the path, and a body where there is one. */
function inputs(path, operation) {
  const fields = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => {
    const input = make("input");
    input.name = name;
    return [name, input];
  });
  const json = operation.requestBody?.content?.["application/json"];
  const body = json ? make("textarea", JSON.stringify(sample(json.schema), null, 2)) : null;
  return { fields, body };
}

let schemas = {};

/** Something of that shape, to begin with. */
function sample(schema, depth = 0) {
  const name = schema?.$ref?.split("/").pop();
  const shape = name ? schemas[name] : schema;
  if (!shape || depth > 8) return null;
  if (shape.type === "object") {
    const members = Object.entries(shape.properties ?? {});
    return Object.fromEntries(members.map(([key, value]) => [key, sample(value, depth + 1)]));
  }
  return { string: "text", integer: 1, number: 1, boolean: true, array: [] }[shape.type] ?? null;
}

async function call(method, path, fields, body, shown) {
  const of = Object.fromEntries(fields.map(([name, input]) => [name, encodeURIComponent(input.value)]));
  const url = path.replace(/\{([^}]+)\}/g, (_, name) => of[name]);
  const headers = new Headers();
  if (token.value) headers.set("Authorization", `Bearer ${token.value.trim()}`);
  if (body) headers.set("Content-Type", "application/json");
  const options = { method: method.toUpperCase(), headers, credentials: "omit", cache: "no-store" };
  try {
    const response = await fetch(url, { ...options, body: body?.value });
    const named = ["www-authenticate", "retry-after", "content-type"].filter((name) => response.headers.has(name));
    const head = named.map((name) => `${name}: ${response.headers.get(name)}`);
    const status = `${response.status} ${response.statusText}`;
    shown.textContent = [status, ...head, "", await response.text()].join("\n");
  } catch (error) {
    shown.textContent = String(error);
  }
}

function show(method, path, operation, whole) {
  const { fields, body } = inputs(path, operation);
  const shown = make("pre", "Not called yet.");
  const button = make("button", "Call");
  button.addEventListener("click", () => call(method, path, fields, body, shown));
  const labels = fields.map(([name, input]) => make("p", make("label", `${name} `, input)));
  const title = [make("code", `${method.toUpperCase()} ${path}`), ` for ${whoMay(operation.security ?? whole)}`];
  const text = make("p", operation.summary ?? operation.description ?? "");
  const inner = make("div", text, ...labels, ...(body ? [body] : []), button, shown, answers(operation));
  return make("details", make("summary", ...title), inner);
}

async function start() {
  const main = document.querySelector("main");
  try {
    const api = await (await fetch("/openapi.json", { credentials: "omit" })).json();
    schemas = api.components?.schemas ?? {};
    document.title = api.info.title;
    document.querySelector("h1").textContent = `${api.info.title} ${api.info.version}`;
    for (const [path, item] of Object.entries(api.paths)) {
      const methods = METHODS.filter((method) => item[method]);
      main.append(...methods.map((method) => show(method, path, item[method], api.security)));
    }
  } catch (error) {
    main.textContent = `/openapi.json cannot be read: ${error}`;
  }
}

start();
