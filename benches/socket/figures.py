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
    fastest = _fastest_rival(plan, made)
    for case, row in zip(plan, made):
        if case.kind == "ours" and fastest:
            row |= _of_possible(row, fastest, _bare_row(made, case.tokens))
    return made


def _row(alg, case, turns, bare):
    wall = [turn.request_ns for turn in turns]
    median = statistics.median(wall)
    low, high = _percentile(wall, 0.1), _percentile(wall, 0.9)
    row = {
        "bench": "socket",
        "table": f"{alg}, requests over sockets kept alive, one core for the server",
        "case": case.name,
        "alg": alg,
        "tokens": case.tokens,
        "rounds": len(turns),
        "median_ns": round(median, 1),
        "p10_ns": round(low, 1),
        "p90_ns": round(high, 1),
        "over_bare_ns": round(median - statistics.median(turn.request_ns for turn in bare), 1),
        "requests_per_second": round(1e9 / median),
        "server_ns": round(statistics.median(turn.server_ns for turn in turns), 1),
    }
    row |= {name: round(statistics.median(getattr(turn, name) for turn in turns), 3) for name in SHARES}
    if case.name != "bare":
        row |= _ratio("ratio", "ratio_to_bare", [b.request_ns / t.request_ns for b, t in zip(bare, turns)])
        row |= _ratio("server", "server_ratio_to_bare", [b.server_ns / t.server_ns for b, t in zip(bare, turns)])
    return row


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


def _fastest_rival(plan, made):
    found = [row for case, row in zip(plan, made) if case.kind == "rival"]
    return min(found, key=lambda row: row["median_ns"], default=None)


def _of_possible(row, fastest, bare):
    """How often the fastest rival we are, how often it an unguarded route is, and the one by the other."""
    over, possible = (fastest["median_ns"] / other["median_ns"] for other in (row, bare))
    return {
        "fastest_rival": fastest["case"],
        "over_fastest_rival": round(over, 2),
        "possible_over_fastest_rival": round(possible, 2),
        "of_possible": round(over / possible, 3),
    }


def show(made, plan, options, load):
    print(f'\n{made[0]["table"]}')
    heads = ("requests/s", "median µs", "p10", "p90", "of bare", "95 % interval", "server µs", "of bare", "95 % interval")
    print(f'{"case":<40} {"tokens":>6} {"":1}' + " ".join(f"{head:>13}" for head in heads) + "   core waited wrk")
    for row in made:
        print(_line(row))
    for text in (*_possible(made), *_notes(plan, made, options, load)):
        print(text)


def _line(row):
    micro = lambda name: f"{row[name] / 1000:.2f}"
    interval = lambda prefix: f'{row[f"{prefix}_low"]:.3f}–{row[f"{prefix}_high"]:.3f}' if f"{prefix}_low" in row else "–"
    ratio = lambda name: f"{row[name]:.3f}" if name in row else "–"
    cells = [
        f'{row["requests_per_second"]}',
        *(micro(name) for name in ("median_ns", "p10_ns", "p90_ns")),
        ratio("ratio_to_bare"),
        interval("ratio"),
        micro("server_ns"),
        ratio("server_ratio_to_bare"),
        interval("server"),
    ]
    shares = " ".join(f"{row[name]:6.2f}" for name in SHARES)
    return f'{row["case"]:<40} {row["tokens"]:>6}  ' + " ".join(f"{cell:>13}" for cell in cells) + f" {shares}"


def _possible(made):
    for row in made:
        if "of_possible" in row:
            yield (
                f'{row["case"]}, {row["tokens"]} tokens: {row["over_fastest_rival"]:.2f} × {row["fastest_rival"]}, '
                f'where a bare route is {row["possible_over_fastest_rival"]:.2f} × it: {row["of_possible"]:.3f} of what is possible'
            )


def _notes(plan, made, options, load):
    for case in plan:
        if case.how:
            yield f"{case.name}: {case.how}"
    yield "each one that guards: 200, 401 for a tampered token, 401 for another audience's"
    yield (
        "no crate here but this one remembers tokens, and express-oauth2-jwt-bearer does not either: each checks the "
        "signature of each request; fast-jwt's cache remembers verified tokens, 1 000 of them as it is set here"
    )
    yield "of bare: the median of the ratios within rounds, and its 95 % interval by bootstrap; server µs: the processor's time"
    yield (
        f'{made[0]["rounds"]} rounds of {options.turn} s, {options.connections} connections; '
        f"load {load[0]:.2f} before, {load[1]:.2f} after"
    )
    idle = [row for row in made if row["server_core"] < SATURATED]
    if idle:
        names = ", ".join(sorted({row["case"] for row in idle}))
        yield (
            f"the server had less than {SATURATED:.0%} of its core in {names}: wrk or somebody else held it up, and "
            "requests/s compare less well than the server's own time"
        )
