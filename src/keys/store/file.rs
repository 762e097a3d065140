use super::{KeptKeys, KeyStore, StoreError, StoreFuture, kept::MAX_JSON};
use crate::json;
use rustix::fs::{AtFlags, Mode, OFlags, fsync, open, openat, renameat, unlinkat};
use std::{
    collections::HashMap,
    fmt,
    fs::{DirBuilder, File, Metadata},
    hash::{BuildHasher, RandomState},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{runtime::Handle, sync::Semaphore};

/// What an identifier may take in a file's name. File systems allow 255 bytes, and a temporary name is longer.
const MAX_NAME: usize = 200;
/// How many of tokio's blocking threads a store takes at once. A disk that hangs keeps each of them for good, and whoever looks
/// addresses up in the DNS needs one, too.
const MOST_THREADS: usize = 16;

/// [`KeyStore`] in a directory: one file for each issuer.
///
/// Whoever can write such a file can make any token during an outage, so it is read only if nobody else could have
/// written it:
///
/// - The file is regular (no symlink, no pipe), has one name, belongs to the process's effective user, and gives
///   nothing to group or others. It is written so: mode 0600, under a temporary name, flushed, then renamed.
/// - The directory belongs to that user or to root, and neither group nor others may write to it, unless it is sticky
///   as `/tmp` is. Where there is none, the first save makes it with mode 0700.
///
/// Both are asked of what was opened, so nothing can be exchanged between question and use. The directories above are
/// the operator's choice. A Kubernetes `emptyDir` is open to everybody: name a directory below it. It outlives the
/// container and not the pod: a crash is survived, a new pod of a rollout starts with nothing. A persistent volume
/// outlives both.
///
/// A file's name is the identifier in base64url, so no identifier leaves the directory and no two meet. (On a file
/// system that ignores case two could; then the issuer inside of the file tells.) An identifier of more than 150 bytes
/// does not fit, and is an error. A program that is killed while it writes leaves a `.tmp` file behind, which nobody
/// reads.
///
/// Files are read and written on tokio's blocking threads, sixteen at once, written in the background: see
/// [`Issuer::key_store`](crate::Issuer::key_store).
#[derive(Debug, Clone)]
pub struct FileStore {
    directory: PathBuf,
    turns: Turns,
    room: Arc<Semaphore>,
}

impl FileStore {
    /// Keeps sets in that directory. Nothing is opened yet.
    pub fn in_dir(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            turns: Turns::default(),
            room: Arc::new(Semaphore::new(MOST_THREADS)),
        }
    }

    fn place(&self, issuer: &str) -> Result<Place, StoreError> {
        if self.directory.as_os_str().is_empty() {
            return Err(StoreError::Failed("the directory has no name".into()));
        }
        let name = json::encode_base64url(issuer.as_bytes());
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(StoreError::Failed(
                "the issuer's identifier makes no file name: 1 to 150 bytes".into(),
            ));
        }
        Ok(Place { directory: self.directory.clone(), name: format!("{name}.json") })
    }
}

impl KeyStore for FileStore {
    fn check(&self, issuer: &str) -> Result<(), StoreError> {
        self.place(issuer).map(|_| ())
    }

    fn load<'a>(&'a self, issuer: &'a str) -> StoreFuture<'a, Option<KeptKeys>> {
        let owned = issuer.to_owned();
        Box::pin(run(&self.room, self.place(issuer), move |place| {
            let json = place.read()?;
            json.map(|json| KeptKeys::from_json(&owned, &json))
                .transpose()
                .map_err(|error| place.blame(error))
        }))
    }

    fn save<'a>(&'a self, issuer: &'a str, keys: &'a KeptKeys) -> StoreFuture<'a, ()> {
        let place = self.place(issuer);
        let place = match issuer == keys.issuer {
            true => place,
            false => Err(StoreError::Unusable("of another issuer".into())),
        };
        let (keys, (turn, number)) = (keys.clone(), self.turns.take(issuer));
        Box::pin(run(&self.room, place, move |place| turn.run(number, || place.replace(&keys))))
    }

    fn forget<'a>(&'a self, issuer: &'a str) -> StoreFuture<'a, ()> {
        let (turn, number) = self.turns.take(issuer);
        Box::pin(run(&self.room, self.place(issuer), move |place| turn.run(number, || place.remove())))
    }
}

/// Writers of one file in the order in which they were asked: a job that nobody waits for any more runs on, and must not
/// undo a later one.
#[derive(Clone, Debug, Default)]
struct Turns {
    files: Arc<Mutex<HashMap<String, Arc<Turn>>>>,
}

/// The last job that was asked for, and the last that has run.
#[derive(Debug, Default)]
struct Turn {
    asked: AtomicU64,
    done: Mutex<u64>,
}

impl Turns {
    fn take(&self, issuer: &str) -> (Arc<Turn>, u64) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = Arc::clone(files.entry(issuer.to_owned()).or_default());
        let number = turn.asked.fetch_add(1, Ordering::Relaxed) + 1;
        (turn, number)
    }
}

impl Turn {
    /// Nothing, where a later one has run.
    fn run(&self, number: u64, job: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if number < *done {
            return Ok(());
        }
        *done = number;
        job()
    }
}

/// Runs the job on a blocking thread, once there is room.
async fn run<T: Send + 'static>(
    room: &Arc<Semaphore>,
    place: Result<Place, StoreError>,
    job: impl FnOnce(&Place) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let place = place?;
    let runtime = Handle::try_current().map_err(|_| StoreError::Failed("needs a tokio runtime".into()))?;
    let room = Arc::clone(room).acquire_owned().await;
    let done = runtime.spawn_blocking(move || {
        // Until the job ends, whoever still waits for it.
        let _room = room;
        job(&place)
    });
    let done = done.await;
    done.unwrap_or_else(|_| Err(StoreError::Failed("the runtime ended first".into())))
}

/// One issuer's file.
struct Place {
    directory: PathBuf,
    name: String,
}

impl Place {
    fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(directory) = self.open_directory()? else { return Ok(None) };
        // Not blocking: a pipe would wait for somebody to write.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&directory, &*self.name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(self.distrust("is a symlink")),
            Err(error) => return Err(self.fail("open", error)),
        };
        let seen = file.metadata().map_err(|error| self.fail("look at", error))?;
        if let Some(fault) = fault_of_file(&seen, effective_user()) {
            return Err(self.distrust(fault));
        }
        if seen.len() > MAX_JSON as u64 {
            return Err(StoreError::TooLarge);
        }
        let mut json = Vec::new();
        let most = MAX_JSON as u64 + 1;
        file.take(most).read_to_end(&mut json).map_err(|error| self.fail("read", error))?;
        Ok(Some(json))
    }

    /// The new set, or none: the older one may have keys that were withdrawn since.
    fn replace(&self, keys: &KeptKeys) -> Result<(), StoreError> {
        let written = keys.to_json().and_then(|json| self.write(&json));
        let Err(error) = written else { return Ok(()) };
        match self.remove() {
            Ok(()) => Err(self.blame(error)),
            // Nothing there is ever read, then.
            Err(StoreError::Untrusted(_)) => Err(error),
            Err(also) => {
                Err(StoreError::Failed(format!("{error}; and the older set is still there: {also}")))
            }
        }
    }

    fn write(&self, json: &[u8]) -> Result<(), StoreError> {
        let directory = self.open_or_make_directory()?;
        let temporary = format!("{}.{:016x}.tmp", self.name, RandomState::new().hash_one(0u8));
        let written = write_new(&directory, &temporary, json)
            .and_then(|()| Ok(renameat(&directory, &*temporary, &directory, &*self.name)?));
        if let Err(error) = written {
            // It may not be there at all, and the first error says why.
            let _ = unlinkat(&directory, &*temporary, AtFlags::empty());
            return Err(self.fail("write", error));
        }
        // The new name survives a power cut from here on; not every file system can do it for a directory.
        let _ = fsync(&directory);
        Ok(())
    }

    fn remove(&self) -> Result<(), StoreError> {
        let Some(directory) = self.open_directory()? else { return Ok(()) };
        match unlinkat(&directory, &*self.name, AtFlags::empty()) {
            Ok(()) => {
                let _ = fsync(&directory);
                Ok(())
            }
            Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(self.fail("remove", error)),
        }
    }

    fn open_or_make_directory(&self) -> Result<File, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.directory);
        made.map_err(|error| self.fail("make the directory of", error))?;
        let gone = || self.fail("open the directory of", ErrorKind::NotFound);
        self.open_directory()?.ok_or_else(gone)
    }

    /// Opened once, and everything in it by way of this handle.
    fn open_directory(&self) -> Result<Option<File>, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = match open(&self.directory, flags, Mode::empty()) {
            Ok(directory) => File::from(directory),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.fail("open the directory of", error)),
        };
        let seen = directory.metadata().map_err(|error| self.fail("look at the directory of", error))?;
        match fault_of_directory(&seen, effective_user()) {
            Some(fault) => Err(self.distrust(fault)),
            None => Ok(Some(directory)),
        }
    }

    fn fail(&self, doing: &str, error: impl Into<io::Error>) -> StoreError {
        StoreError::Failed(format!("cannot {doing} {self}: {}", error.into()))
    }

    fn distrust(&self, fault: &str) -> StoreError {
        StoreError::Untrusted(format!("{self} {fault}"))
    }

    /// Which file it was, where the error does not know.
    fn blame(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Unusable(fault) => StoreError::Unusable(format!("{self} is {fault}")),
            other => other,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.directory.join(&self.name).display())
    }
}

fn write_new(directory: &File, name: &str, json: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(directory, name, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(json)?;
    file.sync_all()
}

fn fault_of_file(seen: &Metadata, user: u32) -> Option<&'static str> {
    match seen {
        seen if !seen.is_file() => Some("is no regular file"),
        seen if seen.uid() != user => Some("belongs to another user"),
        seen if seen.mode() & 0o077 != 0 => Some("gives permissions to group or others"),
        // A set that was replaced could be brought back by whoever kept a second name for it. None is left where it was
        // replaced just now.
        seen if seen.nlink() > 1 => Some("has more than one name"),
        _ => None,
    }
}

fn fault_of_directory(seen: &Metadata, user: u32) -> Option<&'static str> {
    let sticky = seen.mode() & 0o1000 != 0;
    match seen {
        seen if ![0, user].contains(&seen.uid()) => Some("is in a directory of another user"),
        seen if seen.mode() & 0o022 != 0 && !sticky => Some("is in a directory that others may write to"),
        _ => None,
    }
}

fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::{fs::metadata, sync::mpsc};

    #[test]
    fn what_belongs_to_another_user_is_refused_and_a_directory_may_be_roots() {
        let ours = metadata(env!("CARGO_MANIFEST_DIR")).unwrap();
        let somebody = ours.uid() + 1;
        let another = Some("is in a directory of another user");
        assert_eq!(fault_of_directory(&ours, somebody), another.filter(|_| ours.uid() != 0));
        assert_ne!(fault_of_directory(&ours, ours.uid()), another);
        assert_ne!(fault_of_directory(&metadata("/").unwrap(), somebody), another);

        let file = metadata(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
        assert_eq!(fault_of_file(&file, file.uid() + 1), Some("belongs to another user"));
        assert_ne!(fault_of_file(&file, file.uid()), Some("belongs to another user"));
    }

    #[test]
    fn the_last_one_asked_for_an_issuer_is_the_last_word_whenever_it_runs() {
        let turns = Turns::default();
        let ((one, first), (same, second)) = (turns.take("https://a"), turns.take("https://a"));
        let (other, _) = turns.take("https://b");
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        assert!(first < second);
        let mut done = Vec::new();
        let mut run = |number| {
            one.run(number, || {
                done.push(number);
                Ok(())
            })
        };
        run(second).unwrap();
        run(first).unwrap();
        assert_eq!(done, [second]);
    }

    /// A folder of its own below `target`, gone with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("tower-bearer-{name}-{}", std::process::id()));
            DirBuilder::new().recursive(true).mode(0o700).create(&path).unwrap();
            Self(path)
        }

        fn place(&self) -> Place {
            FileStore::in_dir(&self.0).place("https://id.example.com").unwrap()
        }

        fn write(&self, bytes: &[u8]) {
            let path = self.0.join(self.place().name);
            let _ = std::fs::remove_file(&path);
            let mut options = File::options();
            let options =
                std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600);
            options.open(path).unwrap().write_all(bytes).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_is_read_up_to_the_bound_and_a_longer_one_is_not() {
        let folder = Folder::new("bound");
        folder.write(&vec![b'x'; MAX_JSON + 1]);
        assert!(matches!(folder.place().read(), Err(StoreError::TooLarge)));
        folder.write(&vec![b'x'; MAX_JSON]);
        assert_eq!(folder.place().read().unwrap().unwrap().len(), MAX_JSON);
    }

    #[test]
    fn what_is_no_directory_is_not_even_opened_as_one() {
        let folder = Folder::new("no-directory");
        let file = folder.0.join("file");
        File::create(&file).unwrap();
        let place = FileStore::in_dir(file).place("https://id.example.com").unwrap();
        let Err(StoreError::Failed(words)) = place.read() else { panic!("it was read") };
        assert!(words.starts_with("cannot open the directory of"), "{words}");
    }

    #[tokio::test]
    async fn a_disk_that_hangs_keeps_sixteen_threads_and_no_more() {
        let store = FileStore::in_dir("/");
        let (begun, begins) = mpsc::channel();
        let disk = Arc::new(Mutex::new(()));
        let read = || {
            let (begun, disk) = (begun.clone(), Arc::clone(&disk));
            run(&store.room, store.place("https://id.example.com"), move |_| {
                begun.send(()).unwrap();
                drop(disk.lock());
                Ok(())
            })
        };
        let hangs = disk.lock().unwrap();
        let gave_up = (0..40).map(|_| read().now_or_never()).filter(Option::is_none).count();
        assert_eq!(gave_up, 40);
        (0..16).for_each(|_| begins.recv().unwrap());
        drop(hangs);
        assert_eq!(read().await, Ok(()), "and the threads come back with the disk");
        assert_eq!(begins.try_iter().count(), 1, "whoever gave up before there was room asks nothing");
    }

    #[test]
    fn our_own_files_are_the_effective_users() {
        let folder = Folder::new("own");
        assert_eq!(metadata(&folder.0).unwrap().uid(), effective_user());
    }
}
