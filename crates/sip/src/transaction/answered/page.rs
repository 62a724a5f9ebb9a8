//! Memory of records, in pages that are taken from the system and kept for the next ones. Must not know what records say.

use std::io;

use memmap2::MmapMut;

/// A piece of memory that never moves, filled from its beginning.
#[derive(Debug, Default)]
pub(super) struct Page {
    memory: Memory,
    filled: usize,
}

#[derive(Debug)]
enum Memory {
    Mapped(MmapMut),
    /// Where the system gives none of its own, or knows no large pages.
    Heap(Box<[u8]>),
}

/// What is kept for the records that come.
#[derive(Debug, Default)]
pub(super) struct Spare {
    /// Those whose records were forgotten.
    pages: Vec<Page>,
    /// Where a record is written before it has its place in a page.
    pub(super) record: Vec<u8>,
}

/// As much as an offset of 16 bits can reach.
pub(super) const PAGE: usize = 65_536;
/// Pages kept. Under a steady load as many are filled as become free, so that few are enough.
const KEPT: usize = 16;

impl Page {
    /// What was filled in.
    pub(super) fn filled(&self) -> &[u8] {
        self.memory.bytes().get(..self.filled).unwrap_or_default()
    }

    /// Appends; where it stands, or `None` where there is no room.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Option<usize> {
        let start = self.filled;
        let end = start + bytes.len();
        let place = self.memory.bytes_mut().get_mut(start..end)?;
        place.copy_from_slice(bytes);
        self.filled = end;
        Some(start)
    }
}

impl Spare {
    /// An empty page.
    pub(super) fn take(&mut self) -> Page {
        self.pages.pop().unwrap_or_else(|| Page {
            memory: Memory::new(),
            filled: 0,
        })
    }

    /// Takes back a page that nobody reads any more.
    pub(super) fn give_back(&mut self, page: Page) {
        if self.pages.len() < KEPT {
            self.pages.push(Page { filled: 0, ..page });
        }
    }

    #[cfg(test)]
    pub(super) const fn count(&self) -> usize {
        self.pages.len()
    }
}

impl Memory {
    fn new() -> Self {
        map_small_pages().map_or_else(|_| Self::allocated(), Self::Mapped)
    }

    fn allocated() -> Self {
        Self::Heap(vec![0; PAGE].into())
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Heap(bytes) => bytes,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Heap(bytes) => bytes,
        }
    }
}

/// Memory of which the system lays 4 KiB down at a time, as they are filled. Answers wait for that: 2 MiB at once, which
/// an allocator asks for, may take it 5 ms.
fn map_small_pages() -> io::Result<MmapMut> {
    let map = MmapMut::map_anon(PAGE)?;
    #[cfg(target_os = "linux")]
    map.advise(memmap2::Advice::NoHugePage)?;
    Ok(map)
}

impl Default for Memory {
    /// None.
    fn default() -> Self {
        Self::Heap(Box::default())
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Memory, PAGE, Page, Spare};

    #[test]
    fn a_page_takes_what_it_has_room_for_and_nothing_of_what_it_has_not() {
        for memory in [Memory::new(), Memory::allocated()] {
            let mut page = Page { memory, filled: 0 };
            assert_eq!(page.append(&[1; PAGE - 3]), Some(0));
            assert_eq!(page.append(&[2; 4]), None);
            assert_eq!(page.append(&[3; 3]), Some(PAGE - 3));
            assert_eq!(page.append(&[4]), None);
            assert_eq!(page.filled().len(), PAGE);
            assert_eq!(page.filled()[PAGE - 4..], [1, 3, 3, 3]);
        }
        assert_eq!(Page::default().append(&[1]), None);
    }

    /// The kernel says of each piece of memory what it was advised.
    #[cfg(target_os = "linux")]
    #[expect(
        clippy::disallowed_methods,
        reason = "what the kernel was advised stands nowhere else"
    )]
    #[test]
    fn a_page_is_never_laid_down_two_mebibytes_at_a_time() {
        use std::fs;
        use std::path::Path;

        if !Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            return;
        }
        let mut page = Spare::default().take();
        page.append(b"record").unwrap();
        let address = page.filled().as_ptr() as usize;
        let told = fs::read_to_string("/proc/self/smaps").unwrap();
        let is_ours = |line: &str| {
            let range = line.split(' ').next()?.split_once('-')?;
            let begin = usize::from_str_radix(range.0, 16).ok()?;
            let end = usize::from_str_radix(range.1, 16).ok()?;
            Some((begin..end).contains(&address))
        };
        let mut ours = told.lines().skip_while(|line| is_ours(line) != Some(true));
        let flags = ours.find(|line| line.starts_with("VmFlags:")).unwrap();
        assert!(flags.split(' ').any(|flag| flag == "nh"), "{flags}");
    }

    #[test]
    fn pages_that_are_given_back_are_taken_again_empty_and_few_are_kept() {
        let mut spare = Spare::default();
        let mut pages: Vec<_> = (0..2 * KEPT).map(|_| spare.take()).collect();
        for page in &mut pages {
            page.append(b"record").unwrap();
        }
        for page in pages {
            spare.give_back(page);
        }
        assert_eq!(spare.count(), KEPT);
        assert!(spare.take().filled().is_empty());
        assert_eq!(spare.count(), KEPT - 1);
    }
}
