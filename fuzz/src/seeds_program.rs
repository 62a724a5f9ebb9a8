//! Writes the seeds of every target into a folder of its name below the folder that is given.

use std::error::Error;
use std::path::Path;

use deskbell_fuzz::seeds;

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args().nth(1).ok_or("usage: seeds FOLDER")?;
    for (target, seeds) in seeds::all() {
        let folder = Path::new(&root).join(target);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.into_iter().enumerate() {
            std::fs::write(folder.join(format!("{number:04}")), seed)?;
        }
    }
    Ok(())
}
