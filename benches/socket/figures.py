"""What is written down and read: a row for each case, as the other benches write theirs."""

import json
import random
import statistics

import servers

FILE = servers.TARGET / "figures" / "socket.jsonl"
RESAMPLES = 2000
# Under this, wrk or somebody else had a hand in how many requests the server answered.
SATURATED = 0.95
SHARES = ("server_core", "server_waited", "client_core")


def begin():
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text("")


def write(rows):
    with FILE.open("a") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def rows(alg, plan, samples):
    bare = {case.tokens: turns for case, turns in zip(plan, samples) if case.name == "bare"}
    made = [_row(alg, case, turns, bare[case.tokens]) for case, turns in zip(plan, samples)]
    rival, node = _fastest("rival", plan, made), _fastest("node", plan, made)
    for case, row in zip(plan, made):
        if case.kind == "ours":
            row |= _of_possible(row, rival, _bare_row(made, case.tokens))
            row |= {"fastest_node": node["case"], "over_fastest_node": _times(row, node)}
    return made


def _row(alg, case, turns, bare):
    row = {
        "bench": "socket",
        "table": f"{alg}, requests over sockets kept alive, one core for the server",
        "case": case.name,
        "alg": alg,
        "tokens": case.tokens,
        "rounds": len(turns),
    }
    return row | _times_taken(turns, bare) | ({} if case.name == "bare" else _ratios(turns, bare))


def _times_taken(turns, bare):
    wall = [turn.request_ns for turn in turns]
    middle = lambda name, of=turns: statistics.median(getattr(turn, name) for turn in of)
    median = middle("request_ns")
    return {
        "median_ns": round(median, 1),
        "p10_ns": round(_percentile(wall, 0.1), 1),
        "p90_ns": round(_percentile(wall, 0.9), 1),
        "over_bare_ns": round(median - middle("request_ns", bare), 1),
        "requests_per_second": round(1e9 / median),
        "server_ns": round(middle("server_ns"), 1),
        **{name: round(middle(name), 3) for name in SHARES},
    }


def _ratios(turns, bare):
    within = lambda name: [getattr(one, name) / getattr(turn, name) for one, turn in zip(bare, turns)]
    requests = _ratio("ratio", "ratio_to_bare", within("request_ns"))
    return requests | _ratio("server", "server_ratio_to_bare", within("server_ns"))


def _ratio(prefix, name, within_rounds):
    """The median of the ratios within single rounds, and where it lies: a percentile bootstrap, 95 %."""
    drawn = random.Random(1)
    count = len(within_rounds)
    medians = [statistics.median(drawn.choices(within_rounds, k=count)) for _ in range(RESAMPLES)]
    return {
        name: round(statistics.median(within_rounds), 4),
        f"{prefix}_low": round(_percentile(medians, 0.025), 4),
        f"{prefix}_high": round(_percentile(medians, 0.975), 4),
    }


def _percentile(samples, part):
    ordered = sorted(samples)
    return ordered[round((len(ordered) - 1) * part)]


def _bare_row(made, tokens):
    return next(row for row in made if row["case"] == "bare" and row["tokens"] == tokens)


def _fastest(kind, plan, made):
    """Of those that guard, with one token."""
    found = [row for case, row in zip(plan, made) if case.kind == kind and case.guards and case.tokens == 1]
    return min(found, key=lambda row: row["median_ns"])


def _times(row, other):
    """How many requests `row` answers while `other` answers one."""
    return round(other["median_ns"] / row["median_ns"], 2)


def _of_possible(row, fastest, bare):
    """How many times the fastest rival we are, how many times it a bare route is, and the one by the other."""
    return {
        "fastest_rival": fastest["case"],
        "over_fastest_rival": _times(row, fastest),
        "possible_over_fastest_rival": _times(bare, fastest),
        "of_possible": round(bare["median_ns"] / row["median_ns"], 3),
    }


HEADS = ("req/s", "median µs", "p10", "p90", "of bare", "95 %", "server µs", "of bare", "95 %", "core", "waited", "wrk")
WIDTHS = (7, 9, 8, 8, 7, 11, 9, 7, 11, 5, 6, 5)


def show(made, plan, options, load):
    print(f'\n{made[0]["table"]}')
    print(_cells("case", "tokens", HEADS))
    for row in made:
        print(_line(row))
    for text in (*_possible(made), *_set_ups(plan), *_method(made, options, load)):
        print(text)


def _line(row):
    micro = lambda name: f"{row[name] / 1000:.2f}"
    optional = lambda text, *names: text.format(*(row[name] for name in names)) if names[0] in row else "–"
    cells = (
        str(row["requests_per_second"]),
        *map(micro, ("median_ns", "p10_ns", "p90_ns")),
        optional("{:.3f}", "ratio_to_bare"),
        optional("{:.3f}–{:.3f}", "ratio_low", "ratio_high"),
        micro("server_ns"),
        optional("{:.3f}", "server_ratio_to_bare"),
        optional("{:.3f}–{:.3f}", "server_low", "server_high"),
        *(f"{row[name]:.2f}" for name in SHARES),
    )
    return _cells(row["case"], row["tokens"], cells)


def _cells(case, tokens, cells):
    return f"{case:<36} {tokens:>6} " + " ".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS))


def _possible(made):
    for row in made:
        if "of_possible" in row:
            yield (
                f'{row["case"]}, {row["tokens"]} tokens: {row["over_fastest_rival"]:.2f} × {row["fastest_rival"]}, and the '
                f'bare route {row["possible_over_fastest_rival"]:.2f} ×: {row["of_possible"]:.3f} of what is possible; '
                f'{row["over_fastest_node"]:.2f} × {row["fastest_node"]}'
            )


def _set_ups(plan):
    yield from (f"{case.name}: {case.how}" for case in plan if case.how)
    yield "each one that guards: 200, 401 for a tampered token, 401 for another audience's"
    yield (
        "no rival remembers tokens: the crates and express-oauth2-jwt-bearer check the signature of each request; fast-jwt "
        "does remember, by its own cache, which holds 1 000 as it is set here"
    )


def _method(made, options, load):
    yield (
        "of bare: the median of the ratios within rounds, with its 95 % interval by percentile bootstrap; server µs: what "
        "the processor spent on the server and its sockets"
    )
    yield (
        f'{made[0]["rounds"]} rounds of {options.turn} s, {options.connections} connections; '
        f"load {load[0]:.2f} before, {load[1]:.2f} after"
    )
    held_up = sum(row["server_core"] < SATURATED for row in made)
    if held_up:
        yield (
            f"in {held_up} of {len(made)} cases the server ran less than {SATURATED:.0%} of the time: something else on its core "
            "or wrk held it up, and its own time tells more than req/s"
        )
