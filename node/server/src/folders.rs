//! Which folder holds a core's files, and what a start with another number of cores makes of them.
//!
//! A process of one core keeps its files where Redis does, in `dir`; with more, each core has `dir/<port>/`. So
//! the first start with more than one moves the first core's files to its new folder. A start with fewer cores
//! than have state is refused: their slots would be left unserved.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::log::notice;
use crate::process::Place;

/// The file of a core's cluster state when it has a folder of its own.
const OWN_FOLDER_CONFIG: &str = "nodes.conf";

/// The folder of the core at `place`.
pub fn folder(config: &Config, place: &Place) -> PathBuf {
    let dir = PathBuf::from(&config.general.dir);
    place.folder.as_ref().map_or(dir.clone(), |name| dir.join(name))
}

/// The file of the cluster state of the core at `place`.
pub fn cluster_file(config: &Config, place: &Place) -> PathBuf {
    let name = if place.folder.is_none() { config.cluster.config_file.as_str() } else { OWN_FOLDER_CONFIG };
    folder(config, place).join(name)
}

/// The names of the folders of `count` cores, the first of which is known by `port`; they are made, and named so for as
/// long as the process runs.
///
/// # Errors
/// One sentence: more cores have state here, or a folder cannot be made.
pub fn prepare(config: &Config, port: u16, count: usize) -> Result<Vec<Option<String>>, String> {
    let root = Path::new(&config.general.dir);
    refuse_fewer_cores(root, port, count)?;
    if count == 1 {
        return Ok(vec![None]);
    }
    let names: Vec<Option<String>> = (0..count).map(|i| Some((port + i as u16).to_string())).collect();
    make(root, names.iter().flatten())?;
    move_only_core(config, root, &root.join(port.to_string()))?;
    Ok(names)
}

/// Makes folders of these names in `dir`, where there are none.
///
/// # Errors
/// One sentence.
pub fn make<'a>(dir: &Path, names: impl Iterator<Item = &'a String>) -> Result<(), String> {
    for folder in names.map(|name| dir.join(name)) {
        fs::create_dir_all(&folder)
            .map_err(|e| format!("The folder {} cannot be made: {e}", folder.display()))?;
    }
    Ok(())
}

fn refuse_fewer_cores(root: &Path, port: u16, count: usize) -> Result<(), String> {
    let has_state = |i: &u16| root.join((port + i).to_string()).join(OWN_FOLDER_CONFIG).exists();
    let held = (0..=u16::MAX - port).take_while(has_state).count();
    if held > count && held > 1 {
        return Err(format!(
            "The folder {} holds the state of {held} cores, but cores is {count}: start with cores {held} (move the slots \
             of the last ones away first, to run with fewer)",
            root.display()
        ));
    }
    Ok(())
}

/// Moves the files of the only core that an earlier start had from `root` to its `folder`; the one that tells of it
/// comes last.
fn move_only_core(config: &Config, root: &Path, folder: &Path) -> Result<(), String> {
    let state = root.join(&config.cluster.config_file);
    if !state.is_file() || folder.join(OWN_FOLDER_CONFIG).exists() {
        return Ok(());
    }
    let (dump, log) = (&config.persistence.dbfilename, &config.persistence.appenddirname);
    for (from, to) in
        [(dump.as_str(), dump.as_str()), (log, log), (&config.cluster.config_file, OWN_FOLDER_CONFIG)]
    {
        let from = root.join(from);
        if from.exists() {
            fs::rename(&from, folder.join(to)).map_err(|e| {
                format!(
                    "{} cannot be moved to {}, where it belongs now: {e}",
                    from.display(),
                    folder.display()
                )
            })?;
        }
    }
    notice!("The files of the first core are in {} from now on", folder.display());
    Ok(())
}
