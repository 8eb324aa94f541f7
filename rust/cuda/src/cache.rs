//! Machine code on disk: try, lock, try again, build, write beside, rename.
//!
//! Each entry is one file that carries the SHA-256 of its content, so what was cut short or damaged is a miss and is
//! built again. Processes that need the same kernel at once wait for one of them to build it. A folder that cannot be
//! written costs the compilation in every process, nothing else.

use std::collections::BinaryHeap;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::iter;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::digest::sha256;
use crate::error::Result;

/// First bytes of an entry. The last one is the version of this layout: magic, checksum, machine code.
const MAGIC: &[u8; 8] = b"PSCUBIN\x01";
const CHECKSUM: usize = 32;
/// The endings of all that is ever written into the folder.
const ENDINGS: [&str; 4] = ["cubin", "lock", "log", "tmp"];

/// The folder of entries; none where neither of its variables is set.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: Option<PathBuf>,
}

/// Machine code, and how it was come by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cubin {
    /// The machine code.
    pub bytes: Vec<u8>,
    /// The entry that holds it; none if the folder could not be written.
    pub path: Option<PathBuf>,
    /// Whether it was there already.
    pub cached: bool,
    /// Warnings of the compiler; empty where it had nothing to say or did not run.
    pub log: String,
}

impl Cache {
    /// The folder that the environment names now: `PARETOSERVE_CACHE_DIR`, else the user's cache folder.
    pub(crate) fn from_environment() -> Self {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = variable("PARETOSERVE_CACHE_DIR").or_else(|| {
            // The standard says that a relative path there counts as unset.
            let base = variable("XDG_CACHE_HOME").filter(|path| path.is_absolute());
            base.or_else(|| Some(variable("HOME")?.join(".cache"))).map(|base| base.join("paretoserve").join("kernels"))
        });
        Self { folder }
    }

    #[cfg(test)]
    fn at(folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()) }
    }

    /// The entry `name`, built by `build` if it is not there or not whole.
    pub(crate) fn get_or_build(&self, name: &str, build: impl FnOnce() -> Result<(Vec<u8>, String)>) -> Result<Cubin> {
        let in_memory = |(bytes, log)| Cubin { bytes, path: None, cached: false, log };
        let Some(folder) = &self.folder else {
            return build().map(in_memory);
        };
        let path = folder.join(name);
        if let Some(cubin) = read_entry(&path) {
            return Ok(cubin);
        }
        let Ok(_lock) = lock(folder, name) else {
            return build().map(in_memory);
        };
        if let Some(cubin) = read_entry(&path) {
            return Ok(cubin);
        }
        let (bytes, log) = build()?;
        let path = write(&path, &bytes).ok().map(|()| path);
        Ok(Cubin { bytes, path, cached: false, log })
    }

    /// The entry whose name starts with `prefix`; the last by name if there are several.
    pub(crate) fn find(&self, prefix: &str) -> Option<Cubin> {
        let mut paths: BinaryHeap<_> =
            fs::read_dir(self.folder.as_ref()?).ok()?.flatten().map(|entry| entry.path()).collect();
        iter::from_fn(|| paths.pop()).find_map(|path| {
            let fits = path.file_stem()?.to_str()?.starts_with(prefix) && path.extension()? == "cubin";
            fits.then(|| read_entry(&path))?
        })
    }

    /// Keep the log of a failed compilation; none if the folder cannot be written.
    pub(crate) fn keep_log(&self, name: &str, log: &str) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        fs::create_dir_all(folder).ok()?;
        let path = folder.join(name);
        fs::write(&path, log).ok().map(|()| path)
    }

    /// Remove all that was ever written here, and say how many entries of machine code that were.
    pub(crate) fn clear(&self) -> io::Result<usize> {
        let entries = match self.folder.as_ref().map(fs::read_dir) {
            None => return Ok(0),
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Some(entries) => entries?,
        };
        let mut removed = 0;
        for entry in entries {
            let path = entry?.path();
            let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
            if !ENDINGS.contains(&ending) || !path.is_file() {
                continue;
            }
            match fs::remove_file(&path) {
                // Somebody else clears, too.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => removed += usize::from(ending == "cubin"),
            }
        }
        Ok(removed)
    }
}

fn read_entry(path: &Path) -> Option<Cubin> {
    Some(Cubin { bytes: read(path)?, path: Some(path.to_owned()), cached: true, log: String::new() })
}

/// The machine code of a whole entry.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut entry = fs::read(path).ok()?;
    let header = MAGIC.len() + CHECKSUM;
    let whole =
        entry.len() > header && entry.starts_with(MAGIC) && entry[MAGIC.len()..header] == sha256(&entry[header..]);
    whole.then(|| entry.split_off(header))
}

/// Write an entry so that nobody ever sees a part of it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("{}-{number}.tmp", process::id()));
    let written = fs::write(&beside, [MAGIC.as_slice(), &sha256(bytes), bytes].concat());
    let renamed = written.and_then(|()| fs::rename(&beside, path));
    if renamed.is_err() {
        // On a full disk, half of it may be there.
        let _ = fs::remove_file(&beside);
    }
    renamed
}

/// Wait until nobody else builds the entry. The lock ends with the file, also when the process is killed.
fn lock(folder: &Path, name: &str) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let file = File::options().create(true).append(true).open(folder.join(name).with_extension("lock"))?;
    // A file system without locks: two may build the same, and the last rename wins. That is only slower.
    let _ = file.lock();
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use super::*;
    use crate::error::Error;

    /// A folder that is removed at the end of a test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            Self(env::temp_dir().join(format!("paretoserve-cache-{name}-{}", process::id())))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn never() -> Result<(Vec<u8>, String)> {
        panic!("the entry is there");
    }

    #[test]
    fn built_once_then_read() {
        let folder = Folder::new("once");
        let cache = Cache::at(&folder.0);
        let first = cache.get_or_build("a.cubin", || Ok((vec![1, 2, 3], String::new()))).unwrap();
        assert!(!first.cached && first.path.is_some());
        let second = cache.get_or_build("a.cubin", never).unwrap();
        assert_eq!((second.bytes, second.cached), (vec![1, 2, 3], true));
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_a_miss() {
        let folder = Folder::new("damage");
        let path = folder.0.join("a.cubin");
        fs::create_dir_all(&folder.0).unwrap();
        write(&path, b"machine code").unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(read(&path), None, "{length} bytes");
        }
        for bit in 0..8 * whole.len() {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &damaged).unwrap();
            assert_eq!(read(&path), None, "bit {bit}");
        }
        let again =
            Cache::at(&folder.0).get_or_build("a.cubin", || Ok((b"machine code".to_vec(), String::new()))).unwrap();
        assert!(!again.cached);
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn threads_that_need_the_same_build_it_once() {
        let folder = Folder::new("threads");
        let built = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let build = || {
                        built.fetch_add(1, Ordering::Relaxed);
                        Ok((vec![5; 1000], String::new()))
                    };
                    assert_eq!(Cache::at(&folder.0).get_or_build("a.cubin", build).unwrap().bytes, vec![5; 1000]);
                });
            }
        });
        assert_eq!(built.into_inner(), 1);
    }

    #[test]
    fn a_failed_build_leaves_nothing_and_the_next_one_succeeds() {
        let folder = Folder::new("failed");
        let cache = Cache::at(&folder.0);
        assert_eq!(cache.get_or_build("a.cubin", || Err(Error::NoDriver)), Err(Error::NoDriver));
        assert!(!folder.0.join("a.cubin").exists());
        assert!(cache.get_or_build("a.cubin", || Ok((vec![1], String::new()))).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_made_costs_only_the_compilation() {
        let folder = Folder::new("readonly");
        fs::write(&folder.0, "a file where the folder should be").unwrap();
        let built =
            Cache::at(&folder.0.join("below")).get_or_build("a.cubin", || Ok((vec![1], String::new()))).unwrap();
        assert_eq!((built.path, built.cached), (None, false));
        fs::remove_file(&folder.0).unwrap();
        assert!(Cache { folder: None }.get_or_build("a.cubin", || Ok((vec![1], String::new()))).is_ok());
    }

    #[test]
    fn clearing_spares_what_is_not_ours() {
        let folder = Folder::new("clear");
        let cache = Cache::at(&folder.0);
        assert_eq!(cache.clear().unwrap(), 0);
        cache.get_or_build("a.cubin", || Ok((vec![1], String::new()))).unwrap();
        cache.keep_log("a.log", "text").unwrap();
        fs::write(folder.0.join("notes.txt"), "mine").unwrap();
        assert_eq!(cache.clear().unwrap(), 1);
        let left: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["notes.txt"]);
    }

    #[test]
    fn the_last_version_is_found_by_the_start_of_its_name() {
        let folder = Folder::new("find");
        let cache = Cache::at(&folder.0);
        assert_eq!(cache.find("a-"), None);
        cache.get_or_build("a-1.cubin", || Ok((vec![1], String::new()))).unwrap();
        cache.get_or_build("a-2.cubin", || Ok((vec![2], String::new()))).unwrap();
        cache.get_or_build("b-3.cubin", || Ok((vec![3], String::new()))).unwrap();
        assert_eq!(cache.find("a-").unwrap().bytes, [2]);
        fs::write(folder.0.join("a-2.cubin"), "damaged").unwrap();
        assert_eq!(cache.find("a-").unwrap().bytes, [1]);
    }
}
