//! The same requests from one thread and from two.

use crate::{
    harness::{Case, Floor, Table},
    http::{Caller, Nothing},
    router,
    tokens::Mint,
};
use axum::{Router, routing::get};
use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

/// Long enough that starting a thread is nothing beside it.
const ROUND: Duration = Duration::from_millis(10);

/// Two threads' time for a request, all of theirs taken together, beside one's.
pub fn table() -> Table {
    let mint = Mint::new("RS256");
    let pool = mint.pool(10_000);
    let bare = Router::new().route("/orders", get(router::plain).route_layer(Nothing)).layer(Nothing);
    let ours = router::guarded(router::roomy(&mint), router::three_terms());
    Caller::new(ours.clone(), &pool).warm();
    let mut cases = both("two_empty_layers", &Caller::new(bare.with_state(()), &pool));
    cases.extend(both("remembered_same_token", &Caller::new(ours.clone(), &pool[..1])));
    cases.extend(both("remembered_10000", &Caller::new(ours, &pool)));
    let title = "RS256, remembered: one thread and two, each with requests of its own";
    Table { round: ROUND, ..Table::new(title, Floor::Paired, cases) }
}

fn both(name: &'static str, caller: &Caller<Router>) -> Vec<Case> {
    let (mut one, mut left, mut right) = (caller.clone(), caller.clone(), caller.clone().half_way());
    let alone: &'static str = format!("{name}, one thread").leak();
    vec![
        Case::bulk(alone, "RS256", caller.tokens(), move |times| send(&mut one, times)),
        Case::bulk(&format!("{name}, two threads"), "RS256", caller.tokens(), move |times| {
            let taken = AtomicU64::new(0);
            thread::scope(|scope| {
                scope.spawn(|| share(&mut left, &taken, times));
                share(&mut right, &taken, times);
            })
        })
        .against(alone),
    ]
}

/// Takes requests, a few at a time, until none is left: a thread that the machine holds up leaves more to the other one.
fn share(caller: &mut Caller<Router>, taken: &AtomicU64, times: u64) {
    const FEW: u64 = 32;
    loop {
        let begin = taken.fetch_add(FEW, Ordering::Relaxed);
        if begin >= times {
            return;
        }
        send(caller, FEW.min(times - begin));
    }
}

fn send(caller: &mut Caller<Router>, times: u64) {
    for _ in 0..times {
        black_box(caller.call());
    }
}
