//! Key sets kept in a directory: what is refused because somebody else could have written it, and what a crash, a full
//! disk or a second process leaves behind.
#![cfg(all(unix, feature = "remote"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use futures_util::future::join_all;
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::time::timeout;
use tower_bearer::keys::{FileStore, KeptKeys, KeyStore, StoreError};

const ISSUER: &str = "https://id.example.com/realms/acme";
const JWKS: &str = "https://id.example.com/jwks";
const DOCUMENT: &[u8] = br#"{"keys":[]}"#;
const KIB: usize = 1024;

/// A directory of a test's own, and a store in it.
struct Room {
    at: PathBuf,
    store: FileStore,
}

impl Room {
    fn new() -> Self {
        static ROOMS: AtomicUsize = AtomicUsize::new(0);
        let name = format!("keys-{}-{}", std::process::id(), ROOMS.fetch_add(1, Ordering::Relaxed));
        let at = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&at);
        Self { store: FileStore::in_dir(&at), at }
    }

    /// One that holds a set already.
    async fn with_a_set() -> Self {
        let room = Self::new();
        room.save(&kept()).await.unwrap();
        room
    }

    async fn save(&self, keys: &KeptKeys) -> Result<(), StoreError> {
        self.store.save(&keys.issuer, keys).await
    }

    /// Bounded, because one of the things to be refused could wait for ever.
    async fn load(&self) -> Result<Option<KeptKeys>, StoreError> {
        let load = timeout(Duration::from_secs(10), self.store.load(ISSUER));
        load.await.expect("a load came to no end")
    }

    async fn untrusted(&self) -> String {
        match self.load().await {
            Err(StoreError::Untrusted(words)) => words,
            other => panic!("{other:?}"),
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        fs::read_dir(&self.at).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// The one file there is.
    fn file(&self) -> PathBuf {
        let files = self.files();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap()
    }

    fn holds(&self, text: impl AsRef<[u8]>) {
        fs::write(self.file(), text).unwrap();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.at);
    }
}

fn kept() -> KeptKeys {
    KeptKeys::new(ISSUER, JWKS, DOCUMENT, Duration::new(1_700_000_000, 123_456_789))
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Files can be given away by root alone. Who runs this as somebody else is told; the questions themselves are asked of
/// foreign owners in the file store's unit tests, which need no rights.
fn may_give_files_away(room: &Room) -> bool {
    let root = fs::metadata(&room.at).unwrap().uid() == 0;
    if !root {
        eprintln!("NOT TESTED: a file of another user; that needs root");
    }
    root
}

fn is_unusable(result: &Result<Option<KeptKeys>, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unusable(_)))
}

// Somebody else could have written it.

#[tokio::test]
async fn a_symlink_is_refused_even_to_a_good_file() {
    let room = Room::with_a_set().await;
    let (file, elsewhere) = (room.file(), room.at.with_extension("elsewhere"));
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert!(room.untrusted().await.contains("symlink"));
    fs::remove_file(elsewhere).unwrap();
}

#[tokio::test]
async fn a_save_replaces_a_symlink_and_leaves_what_it_points_to() {
    let room = Room::with_a_set().await;
    let (file, elsewhere) = (room.file(), room.at.with_extension("precious"));
    fs::remove_file(&file).unwrap();
    fs::write(&elsewhere, "precious").unwrap();
    symlink(&elsewhere, &file).unwrap();
    room.save(&kept()).await.unwrap();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
    assert_eq!(room.load().await.unwrap(), Some(kept()));
    fs::remove_file(elsewhere).unwrap();
}

#[tokio::test]
async fn a_second_name_for_the_file_is_refused() {
    let room = Room::with_a_set().await;
    let second = room.at.join("second");
    fs::hard_link(room.file(), &second).unwrap();
    assert!(room.untrusted().await.contains("more than one name"));
    fs::remove_file(second).unwrap();
    assert_eq!(room.load().await.unwrap(), Some(kept()));
}

#[tokio::test]
async fn a_file_of_another_user_is_refused() {
    let room = Room::with_a_set().await;
    if may_give_files_away(&room) {
        chown(room.file(), Some(65534), None).unwrap();
        assert!(room.untrusted().await.contains("another user"));
    }
}

#[tokio::test]
async fn a_directory_of_another_user_is_refused() {
    let room = Room::with_a_set().await;
    if may_give_files_away(&room) {
        chown(&room.at, Some(65534), None).unwrap();
        assert!(room.untrusted().await.contains("directory of another user"));
        assert!(matches!(room.save(&kept()).await, Err(StoreError::Untrusted(_))));
    }
}

#[tokio::test]
async fn any_permission_of_group_or_others_on_the_file_is_refused() {
    let room = Room::with_a_set().await;
    for bits in [0o644, 0o640, 0o604, 0o620, 0o602, 0o601] {
        mode(&room.file(), bits);
        assert!(room.untrusted().await.contains("group or others"), "{bits:o}");
    }
    mode(&room.file(), 0o400);
    assert_eq!(room.load().await.unwrap(), Some(kept()));
}

#[tokio::test]
async fn a_directory_that_others_may_write_to_is_refused_for_reading_and_writing() {
    let room = Room::with_a_set().await;
    for bits in [0o777, 0o770, 0o703, 0o2775] {
        mode(&room.at, bits);
        assert!(room.untrusted().await.contains("others may write"), "{bits:o}");
        assert!(matches!(room.save(&kept()).await, Err(StoreError::Untrusted(_))), "{bits:o}");
        assert_eq!(room.files().len(), 1, "{bits:o}");
    }
    for bits in [0o1777, 0o755, 0o700] {
        mode(&room.at, bits);
        assert_eq!(room.load().await.unwrap(), Some(kept()), "{bits:o}");
    }
}

#[tokio::test]
async fn a_pipe_and_a_directory_are_refused_at_once() {
    let room = Room::with_a_set().await;
    let file = room.file();
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&file).status().unwrap().success());
    assert!(room.untrusted().await.contains("no regular file"));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(room.untrusted().await.contains("no regular file"));
}

// It is no kept set.

#[tokio::test]
async fn a_file_cut_anywhere_is_refused() {
    let room = Room::with_a_set().await;
    let whole = fs::read(room.file()).unwrap();
    for length in 0..whole.len() {
        room.holds(&whole[..length]);
        assert!(is_unusable(&room.load().await), "{length} bytes");
    }
}

#[tokio::test]
async fn garbage_is_refused() {
    let room = Room::with_a_set().await;
    for garbage in [&b"\0\0\0\0"[..], b"[]", b"null", b"1", b"\xFF\xFE", b"{\"version\":1}", b"{}{}"] {
        room.holds(garbage);
        assert!(is_unusable(&room.load().await), "{garbage:?}");
    }
    room.holds("[".repeat(100_000));
    assert!(is_unusable(&room.load().await));
}

#[tokio::test]
async fn each_member_is_read_strictly() {
    let room = Room::with_a_set().await;
    let good = room.json();
    for (name, member, value) in [
        ("a later version", "version", json!(2)),
        ("an earlier one", "version", json!(0)),
        ("a version in words", "version", json!("1")),
        ("another issuer", "issuer", json!("https://id.example.com/realms/Acme")),
        ("no issuer", "issuer", Value::Null),
        ("a stranger's member", "extra", json!(1)),
        ("no address", "jwks_uri", Value::Null),
        ("a time as a number", "fetched_at", json!(1_700_000_000)),
        ("a time before 1970", "fetched_at", json!({"secs": -1, "nanos": 0})),
        ("a time past all counting", "fetched_at", json!({"secs": u64::MAX, "nanos": 2_000_000_000u32})),
        ("a padded document", "document", json!("e30=")),
        ("a document with loose bits", "document", json!("e31")),
        ("a document as it is", "document", json!({"keys": []})),
        ("an etag that is none", "etag", json!(7)),
    ] {
        let mut bad = good.clone();
        bad[member] = value;
        room.holds(bad.to_string());
        assert!(is_unusable(&room.load().await), "{name}");
    }
    room.holds(good.to_string().replacen('{', "{\"version\":1,", 1));
    assert!(is_unusable(&room.load().await), "a member twice");
    room.holds(good.to_string());
    assert_eq!(room.load().await.unwrap(), Some(kept()));
}

#[tokio::test]
async fn what_is_too_large_is_refused_both_ways() {
    let room = Room::with_a_set().await;
    let mut json = room.json();
    json["document"] = "A".repeat(512 * KIB).into();
    room.holds(json.to_string());
    assert_eq!(room.load().await, Err(StoreError::TooLarge));
    // Larger than the document may be, yet not than a file may be.
    json["document"] = "A".repeat((256 * KIB).div_ceil(3) * 4 + 16).into();
    room.holds(json.to_string());
    assert_eq!(room.load().await, Err(StoreError::TooLarge));
    (json["document"], json["etag"]) = ("".into(), "x".repeat(16 * KIB).into());
    room.holds(json.to_string());
    assert_eq!(room.load().await, Err(StoreError::TooLarge));

    let mut large = kept();
    large.document = vec![b' '; 256 * KIB + 1];
    assert_eq!(room.save(&large).await, Err(StoreError::TooLarge));
    let mut wordy = kept();
    wordy.etag = Some("x".repeat(16 * KIB));
    assert_eq!(room.save(&wordy).await, Err(StoreError::TooLarge));
}

#[tokio::test]
async fn errors_name_the_path_and_nothing_that_is_in_the_file() {
    let room = Room::with_a_set().await;
    let mut json = room.json();
    json["issuer"] = "https://somebody.example".into();
    room.holds(json.to_string());
    let text = room.load().await.unwrap_err().to_string();
    assert!(text.contains(room.file().to_str().unwrap()), "{text}");
    assert!(!text.contains("somebody"), "{text}");
    room.holds("{\"hunter2\":");
    assert!(!room.load().await.unwrap_err().to_string().contains("hunter2"));
    let debug = format!("{:?}", kept());
    assert!(debug.contains("bytes: 11") && !debug.contains("keys\\"), "{debug}");
}

// What a crash, a failure or a second process leaves.

#[tokio::test]
async fn a_save_that_fails_leaves_no_older_set_behind() {
    let room = Room::with_a_set().await;
    let mut large = kept();
    large.document = vec![b' '; 300 * KIB];
    assert!(room.save(&large).await.is_err());
    assert_eq!(room.load().await, Ok(None), "a withdrawn key could be in there");
    assert_eq!(room.files(), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn a_save_that_cannot_rename_leaves_no_temporary_file_and_says_that_the_old_one_stayed() {
    let room = Room::with_a_set().await;
    let file = room.file();
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let error = room.save(&kept()).await.unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("still there"), "{error}");
    assert_eq!(room.files(), [file]);
}

#[tokio::test]
async fn a_crash_between_writing_and_renaming_leaves_the_old_set() {
    let room = Room::with_a_set().await;
    let torn = format!("{}.0123456789abcdef.tmp", room.file().file_name().unwrap().to_str().unwrap());
    fs::write(room.at.join(torn), "{\"version\":1,\"iss").unwrap();
    assert_eq!(room.load().await.unwrap(), Some(kept()));
    room.save(&kept()).await.unwrap();
    assert_eq!(room.load().await.unwrap(), Some(kept()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_saves_and_loads_see_whole_sets_only() {
    let room = Room::with_a_set().await;
    let set = |n: u32| {
        let mut keys = kept();
        keys.document = n.to_string().repeat(20_000).into_bytes();
        keys.fetched_at = Duration::from_secs(n.into());
        keys
    };
    let is_whole = |found: &KeptKeys| {
        let n = u32::try_from(found.fetched_at.as_secs()).unwrap();
        *found == kept() || *found == set(n)
    };
    let saves = join_all((1..40).map(|n| {
        let (store, keys) = (room.store.clone(), set(n));
        tokio::spawn(async move { store.save(ISSUER, &keys).await })
    }));
    let loads = join_all((1..40).map(|_| {
        let store = room.store.clone();
        tokio::spawn(async move { store.load(ISSUER).await })
    }));
    let (saves, loads) = tokio::join!(saves, loads);
    for saved in saves {
        saved.unwrap().unwrap();
    }
    for loaded in loads {
        assert!(is_whole(&loaded.unwrap().unwrap().unwrap()));
    }
    assert!(is_whole(&room.load().await.unwrap().unwrap()));
    assert_eq!(room.files().len(), 1);
}

#[tokio::test]
async fn forgetting_is_lasting_and_twice_is_no_error() {
    let room = Room::with_a_set().await;
    room.store.forget(ISSUER).await.unwrap();
    assert_eq!(room.load().await, Ok(None));
    room.store.forget(ISSUER).await.unwrap();
    let nowhere = Room::new();
    nowhere.store.forget(ISSUER).await.unwrap();
    assert!(!nowhere.at.exists(), "only a save makes the directory");
}

// What is kept comes back.

#[tokio::test]
async fn every_member_comes_back_as_it_was() {
    let room = Room::new();
    assert_eq!(room.load().await, Ok(None), "nothing yet");
    let mut keys = kept();
    keys.document = (0..=255).collect();
    keys.max_age = Some(Duration::new(300, 5));
    keys.etag = Some("W/\"a\\b\u{e9}\"".into());
    room.save(&keys).await.unwrap();
    assert_eq!(room.load().await.unwrap(), Some(keys));
    room.save(&kept()).await.unwrap();
    assert_eq!(room.load().await.unwrap(), Some(kept()), "and the next save replaces all of it");
    let mut largest = kept();
    largest.document = vec![0xFF; 256 * KIB];
    room.save(&largest).await.unwrap();
    assert_eq!(room.load().await.unwrap(), Some(largest));
}

#[tokio::test]
async fn files_are_for_the_owner_alone() {
    let room = Room::with_a_set().await;
    assert_eq!(fs::metadata(room.file()).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::metadata(&room.at).unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn identifiers_that_differ_in_case_or_play_with_paths_stay_apart_and_inside() {
    let room = Room::new();
    let tricks = [
        "https://id.example.com",
        "https://ID.example.com",
        "https://id.example.com/",
        "../evil",
        "..",
        ".",
        "/etc/passwd",
        "a/b",
        "a\0b",
        "a%2Fb",
        "é",
    ];
    for issuer in tricks {
        let keys = KeptKeys::new(issuer, JWKS, issuer, Duration::ZERO);
        room.save(&keys).await.unwrap();
    }
    assert_eq!(room.files().len(), tricks.len());
    for issuer in tricks {
        let found = room.store.load(issuer).await.unwrap().unwrap();
        assert_eq!((found.issuer.as_str(), found.document.as_slice()), (issuer, issuer.as_bytes()));
    }
    for file in room.files() {
        let name = file.file_name().unwrap().to_str().unwrap().strip_suffix(".json").unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{name}");
    }
}

#[tokio::test]
async fn an_identifier_without_a_file_name_is_an_error_and_told_without_any_io() {
    let room = Room::new();
    let longest = format!("https://{}", "a".repeat(142));
    assert_eq!(room.store.check(&longest), Ok(()));
    for issuer in [format!("{longest}a"), String::new()] {
        assert!(room.store.check(&issuer).is_err());
        let keys = KeptKeys::new(issuer.as_str(), JWKS, DOCUMENT, Duration::ZERO);
        assert!(room.save(&keys).await.is_err());
        assert!(room.store.load(&issuer).await.is_err());
    }
    assert!(FileStore::in_dir("").check(ISSUER).is_err());
    assert!(!room.at.exists());
    let keys = KeptKeys::new(longest.as_str(), JWKS, DOCUMENT, Duration::ZERO);
    room.save(&keys).await.unwrap();
}

#[tokio::test]
async fn a_set_is_not_kept_under_another_issuers_name() {
    let room = Room::with_a_set().await;
    assert!(matches!(room.store.save("https://other.example", &kept()).await, Err(StoreError::Unusable(_))));
    assert_eq!(room.store.load("https://other.example").await, Ok(None));
}

#[test]
fn without_a_runtime_it_is_an_error_and_no_panic() {
    use futures_util::FutureExt as _;
    let store = FileStore::in_dir(env!("CARGO_TARGET_TMPDIR"));
    let result = store.load(ISSUER).now_or_never();
    assert!(matches!(result, Some(Err(StoreError::Failed(words))) if words.contains("runtime")));
}
