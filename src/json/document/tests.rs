use super::{
    super::names::{FEW, place},
    *,
};
use proptest::prelude::*;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use std::collections::BTreeMap;

fn read(json: &str) -> Result<Document, ObjectError> {
    Document::read(json.as_bytes().to_vec())
}

fn refusal(json: &[u8]) -> ObjectError {
    Document::read(json.to_vec()).err().unwrap()
}

#[test]
fn what_serde_json_refuses_is_malformed() {
    let bad: [&[u8]; 15] = [
        b"",
        b"{",
        b"{}{}",
        b"[]",
        b"1",
        b"\"text\"",
        b"\xEF\xBB\xBF{}",
        b"{\"a\":\"\xFF\"}",
        b"{\"a\":\"\xED\xA0\x80\"}",
        br#"{"a":1e400}"#,
        br#"{"a":[1e400]}"#,
        br#"{"a":"\ud800"}"#,
        br#"{"\udc00":1}"#,
        br#"{"a":01}"#,
        b"{\"a\":\"\n\"}",
    ];
    for json in bad {
        assert_eq!(refusal(json), ObjectError::Malformed, "{}", String::from_utf8_lossy(json));
    }
}

#[test]
fn a_member_named_twice_is_refused_among_few_and_among_many() {
    for json in [r#"{"a":1,"a":1}"#, r#"{"iss":1,"\u0069ss":1}"#, r#"{"a":{"b":1},"x":[1],"a":null}"#] {
        assert_eq!(refusal(json.as_bytes()), ObjectError::Duplicate, "{json}");
    }
    for many in [FEW - 1, FEW, FEW + 1, 1000] {
        let names: Vec<String> = (0..many).map(|n| format!(r#""n{n}":{n}"#)).collect();
        let once = read(&format!("{{{}}}", names.join(","))).unwrap();
        assert!((0..many).all(|n| once.get(&format!("n{n}")).and_then(Item::as_i64) == Some(n as i64)));
        for again in [0, many - 1] {
            let twice = format!(r#"{{{},"n{again}":0}}"#, names.join(","));
            assert_eq!(refusal(twice.as_bytes()), ObjectError::Duplicate, "{again} of {many}");
        }
    }
}

#[test]
fn names_that_look_alike_from_outside_are_told_apart() {
    let names = ["aXa", "aXb", "bXa", "aYa", "aXXa", "aXYa", ""];
    for (index, name) in names.iter().enumerate() {
        let alone = read(&json!({*name: index}).to_string()).unwrap();
        for asked in names {
            assert_eq!(alone.contains(asked), asked == *name, "{asked:?} of {name:?}");
        }
    }
    // Same length, ends and middle: one place for both.
    assert_eq!(place("a-bXc-d"), place("a+bXc+d"));
    let both = read(r#"{"a-bXc-d":1,"a+bXc+d":2}"#).unwrap();
    assert_eq!(both.get("a+bXc+d").and_then(Item::as_i64), Some(2));
    assert!(!both.contains("a*bXc*d"));
}

#[test]
fn of_a_nested_member_named_twice_the_later_counts_everywhere() {
    let document = read(r#"{"a":{"b":1,"b":2}}"#).unwrap();
    assert_eq!(document.get("a").unwrap().member("b").and_then(Item::as_i64), Some(2));
    assert_eq!(document.to_map()["a"], json!({"b": 2}));
    assert!(document.repeats_nested());
    assert!(read(r#"{"a":[{"b":{"c":1,"\u0063":2}}]}"#).unwrap().repeats_nested());
    assert!(!read(r#"{"a":{"b":1},"b":[{"b":1},{"b":1}]}"#).unwrap().repeats_nested());
}

#[test]
fn words_are_what_stands_between_single_spaces() {
    for (text, expected) in [
        ("a b", &["a", "b"][..]),
        (" a  b ", &["a", "b"]),
        ("", &[]),
        (" ", &[]),
        ("é à", &["é", "à"]),
        ("a\tb", &["a\tb"]),
        ("\u{1f600} x", &["\u{1f600}", "x"]),
    ] {
        let document = Document::of(&json!({"first": "\n", "scope": text}));
        let words: Vec<_> =
            document.get("scope").unwrap().words().map(|word| document.resolve(word)).collect();
        assert_eq!(words, expected, "{text:?}");
    }
}

#[test]
fn what_is_longer_than_a_token_can_be_is_refused_and_not_cut() {
    for length in [16_000, 32_000, 65_536, 70_000, 200_000] {
        let document = read(&format!(r#"{{"a":"{}","b":1}}"#, "x".repeat(length)));
        assert_eq!(document.is_ok(), length <= 32_000, "{length}");
        let many = read(&format!(r#"{{"a":[{}0],"b":1}}"#, "0,".repeat(length)));
        assert_eq!(many.is_ok(), length <= 32_000, "{length}");
    }
}

#[test]
fn the_text_stays_as_it_came() {
    let text = r#"{"a":"x\ny", "b" : "\u00e9"}"#;
    let document = read(text).unwrap();
    assert_eq!(document.text(), text);
    assert_eq!((document.text_of("a"), document.text_of("b")), (Some("x\ny"), Some("é")));
}

// Fails only where serde_json keeps numbers as written (`--features serde_json/arbitrary_precision`, as the gate runs it).
#[test]
fn a_name_that_somebody_gave_himself_changes_no_member_behind_it() {
    let name = "\"$serde_json::private::Number";
    let value = json!({"a_name": name, "b": {"x": "5"}, "c": "\n tail"});
    let document = read(&value.to_string()).unwrap();
    assert_eq!(document.text_of("a_name"), Some(name), "a text keeps what it says");
    assert_eq!(document.to_map()["b"], json!({"x": "5"}), "an object stays one");
    let value = json!({"a_name": name, "realm_access": {"roles": ["clerk"]}});
    assert!(read(&value.to_string()).is_ok(), "nobody is locked out by his name");
}

#[test]
fn minus_zero_is_the_same_number_however_serde_json_is_built() {
    let document = read(r#"{"exp":-0}"#).unwrap();
    assert_eq!(document.get("exp").and_then(Item::as_i64), None, "a float, as serde_json has it by default");
}

#[test]
fn the_weight_counts_what_each_object_takes_in_a_map() {
    let count = 1490;
    let document = read(&format!(r#"{{"a":[{}0]}}"#, r#"{"a":0},"#.repeat(count))).unwrap();
    // An object of one member is a node of a B-tree all the same, with room for eleven.
    // By its numbers where serde_json is as it comes: it may as well be built with another map and larger values.
    let least = count * 11 * (24 + 32);
    assert!(document.weight() >= least as u64, "{} for {least} bytes at least", document.weight());
}

#[derive(Debug, PartialEq, Deserialize)]
enum Shape {
    Unit,
    New(u8),
    Pair(u8, String),
    Named { side: f64 },
}

#[derive(Debug, PartialEq, Deserialize)]
struct Wrapped(Vec<Option<i32>>);

#[derive(Debug, PartialEq, Deserialize)]
struct Own {
    name: String,
    count: Option<u64>,
    ratio: f64,
    wrapped: Wrapped,
    shapes: Vec<Shape>,
    #[serde(default)]
    by_name: BTreeMap<String, (bool, char)>,
    unit: (),
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[test]
fn a_type_of_ones_own_is_built_as_from_the_text() {
    let good = json!({
        "name": "n\u{e9}\n", "count": 3, "ratio": 1, "wrapped": [1, null, -2],
        "shapes": ["Unit", {"New": 1}, {"Pair": [1, "x"]}, {"Named": {"side": 2}}],
        "by_name": {"a": [true, "c"]}, "unit": null, "more": {"deep": [1.5]},
    });
    let own: Own = built(&good).unwrap();
    assert_eq!((own.count, own.rest.len()), (Some(3), 1));
    let mut variants = vec![good.clone()];
    for (name, value) in [
        ("name", json!(1)),
        ("name", json!(null)),
        ("count", json!(null)),
        ("count", json!(-1)),
        ("count", json!(1.5)),
        ("ratio", json!("1")),
        ("ratio", json!(1e300)),
        ("wrapped", json!([1.0])),
        ("wrapped", json!([u64::MAX])),
        ("wrapped", json!({})),
        ("shapes", json!(["Other"])),
        ("shapes", json!([{"New": 300}])),
        ("shapes", json!([{"Unit": null}])),
        ("shapes", json!([{"New": 1, "Unit": null}])),
        ("shapes", json!([{}])),
        ("shapes", json!([{"Pair": [1]}])),
        ("shapes", json!([{"Pair": [1, "x", 2]}])),
        ("shapes", json!([{"Named": [1]}])),
        ("by_name", json!({"a": [true, "cc"]})),
        ("by_name", json!([["a", [true, "c"]]])),
        ("unit", json!([])),
    ] {
        let mut changed = good.clone();
        changed[name] = value;
        variants.push(changed);
    }
    for variant in variants {
        assert_eq!(built::<Own>(&variant), serde_json::from_str(&variant.to_string()).ok(), "{variant}");
    }
}

fn built<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(Document::of(value).root()).ok()
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[ -~]{0,9}", any::<String>(), "[\"\\\\/\u{1}\n\u{e9}\u{1f600} ]{0,6}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_read_says_what_serde_json_says(
        members in prop::collection::btree_map(".{0,6}", any_json(), 0..60), pretty: bool,
    ) {
        let value = Value::Object(members.into_iter().collect());
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let document = read(&text.unwrap()).unwrap();
        let map = value.as_object().unwrap();
        prop_assert_eq!(&document.to_map(), map);
        prop_assert_eq!(Value::deserialize(document.root()).unwrap(), value.clone());
        for (name, value) in map {
            let item = document.get(name).unwrap();
            prop_assert_eq!((item.as_str(), item.as_i64(), item.as_f64(), item.as_bool(), item.is_null()),
                (value.as_str(), value.as_i64(), value.as_f64(), value.as_bool(), value.is_null()));
            prop_assert_eq!(item.items().map(Iterator::count), value.as_array().map(Vec::len));
            prop_assert_eq!(item.entries().map(Iterator::count), value.as_object().map(Map::len));
        }
    }

    #[test]
    fn whatever_bytes_come_are_read_or_refused_as_serde_json_does(bytes in "[{}\\[\\]\":,a\\\\u0-9eE.+ntrfls -]{0,40}") {
        let ours = Document::read(format!("{{{bytes}}}").into_bytes());
        let theirs = serde_json::from_str::<Map<String, Value>>(&format!("{{{bytes}}}"));
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours.to_map(), theirs),
            (Err(ObjectError::Malformed), theirs) => prop_assert!(theirs.is_err()),
            (Err(_), _) => {}
            (Ok(_), Err(error)) => prop_assert!(false, "{error}"),
        }
    }
}
