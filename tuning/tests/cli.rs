//! The program as people run it: on recorded machines, on this one in a network namespace of its own, and its units.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn tune(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringmaster-tune")).args(args).output().expect("it was built")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn tree(name: &str) -> String {
    format!("{}/tests/trees/{name}.tree", env!("CARGO_MANIFEST_DIR"))
}

/// A fresh folder.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ringmaster-tune-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the temporary folder can be written");
    folder
}

#[test]
fn a_table_worst_first_with_a_summary_and_an_exit_code() {
    let output = tune(&["check", "--root", &tree("cloud")]);
    let text = text(&output);
    let statuses: Vec<&str> = text
        .lines()
        .skip(3)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let rank = |status: &&str| ["critical", "high", "low", "not"].iter().position(|known| known == status);
    assert!(statuses.iter().all(|status| rank(status).is_some()), "{text}");
    assert!(statuses.is_sorted_by_key(rank), "{text}");
    assert!(text.contains("1 critical") && text.contains("memlock"), "{text}");
    assert_eq!(output.status.code(), Some(2), "{text}");

    let advice = tune(&["check", "--root", &tree("cloud"), "--skip", "memlock"]);
    assert_eq!(advice.status.code(), Some(1));
    let fine = tune(&["check", "--root", &tree("metal"), "--cores", "8", "--skip", "isolation,nohz,irq"]);
    assert_eq!(fine.status.code(), Some(0), "{}", self::text(&fine));
    assert_eq!(tune(&["check", "--only", "nothing"]).status.code(), Some(64));
    assert_eq!(tune(&["check", "--root", "/no/such"]).status.code(), Some(64));
}

#[test]
fn json_has_every_knob_with_its_steps() {
    let output = tune(&["check", "--json", "--root", &tree("cloud")]);
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(rows.len() > 35, "{} knobs", rows.len());
    let row = |name: &str| rows.iter().find(|row| row["knob"] == name).expect("the knob");
    assert_eq!(row("queues")["steps"][0]["run"]["change"], "ethtool -L ens5 combined 8");
    assert_eq!(row("kernel")["status"], "low");
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(row("irq")["guide"].as_str().unwrap()).exists());
    for row in &rows {
        let guide =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(row["guide"].as_str().unwrap()));
        let (knob, guide) = (row["knob"].as_str().unwrap(), guide.expect("the guide is there"));
        assert!(guide.contains(knob), "the guide does not name {knob}");
    }
}

#[test]
fn plans_are_shell_scripts() {
    let out = folder("plan");
    for name in ["cloud", "container", "vm", "metal"] {
        let path = out.display().to_string();
        assert!(tune(&["plan", "--root", &tree(name), "--out", &path]).status.success());
        for script in ["apply.sh", "undo.sh"] {
            let parsed = Command::new("sh").arg("-n").arg(out.join(script)).status().expect("sh runs");
            assert!(parsed.success(), "{name}: {script}");
        }
    }
    let plan = text(&tune(&["plan", "--root", &tree("cloud")]));
    assert!(plan.contains("\nethtool -L ens5 combined 8 || failed=1\n"), "{plan}");
    assert!(plan.contains("\n# by hand: LimitMEMLOCK=infinity"), "{plan}");
    let undo = text(&tune(&["plan", "--undo", "--root", &tree("cloud")]));
    assert!(undo.contains("\nethtool -L ens5 combined 2 || failed=1\n"), "{undo}");
    fs::remove_dir_all(out).unwrap();
}

/// A machine in a folder is changed by writing, and changed back by the script, whose paths are the machine's own.
#[test]
fn apply_changes_a_folder_and_is_dry_by_default() {
    let machine = folder("apply");
    let file = machine.join("proc/sys/net/core/somaxconn");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "128\n").unwrap();
    let (root, undo) = (machine.display().to_string(), machine.join("undo.sh"));
    let args = ["apply", "--only", "somaxconn", "--root", &root];
    let dry = tune(&args);
    assert!(text(&dry).contains("echo 511 > /proc/sys/net/core/somaxconn"), "{}", text(&dry));
    assert_eq!(fs::read_to_string(&file).unwrap(), "128\n");
    let real = tune(&[&args[..], &["--yes", "--undo", &undo.display().to_string()]].concat());
    assert!(real.status.success(), "{}", text(&real));
    assert_eq!(fs::read_to_string(&file).unwrap(), "511\n");
    assert!(fs::read_to_string(&undo).unwrap().contains("echo 128 > /proc/sys/net/core/somaxconn"));
    fs::remove_dir_all(machine).unwrap();
}

#[test]
fn a_recording_of_this_machine_says_what_this_machine_says() {
    let recording = folder("record").join("here.tree");
    fs::File::create(&recording).unwrap().write_all(&tune(&["record"]).stdout).unwrap();
    let path = recording.display().to_string();
    // What moves while one looks: connections that are tracked, and servers of other tests.
    let look = |more: &[&str]| {
        let args = [&["check", "--all", "--skip", "conntrack,oom,seccomp,memlock,nofile"], more].concat();
        text(&tune(&args)).lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(look(&["--root", &path]), look(&[]));
    fs::remove_dir_all(recording.parent().unwrap()).unwrap();
}

#[test]
fn sizes_are_told_with_their_arithmetic_and_checked_as_a_plan() {
    let args = ["size", "--keys", "100M", "--key-size", "24", "--value-size", "300", "--hosts", "3"];
    let size = [&args[..], &["--replicas", "1", "--cores", "16"]].concat();
    let output = text(&tune(&size));
    for word in ["one key", "RAM of a host", "maxmemory", "memlock", "measured"] {
        assert!(output.contains(word), "{output}");
    }
    let folder = folder("size");
    let plan = folder.join("plan.json");
    fs::write(&plan, &tune(&[&size[..], &["--json"]].concat()).stdout).unwrap();
    let plan = plan.display().to_string();
    let check = |name: &str| {
        let tree = tree(name);
        tune(&["check", "--only", "memory_plan", "--memory-plan", &plan, "--root", &tree]).status.code()
    };
    assert_eq!(check("metal"), Some(0));
    assert_eq!(check("container"), Some(2));
    fs::remove_dir_all(folder).unwrap();
}

/// A namespace of this machine; it ends with this value.
struct Namespace(String);

impl Namespace {
    /// None, loudly, where one cannot be made.
    fn new() -> Option<Namespace> {
        let name = format!("tune-{}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).stderr(Stdio::null()).status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("NOT TESTED: a real change and its way back; it needs root, ip and network namespaces");
            return None;
        }
        Some(Namespace(name))
    }

    fn run(&self, command: &str) -> Output {
        let mut ip = Command::new("ip");
        ip.args(["netns", "exec", &self.0, "sh", "-c", command]).output().expect("ip runs")
    }

    fn must(&self, command: &str) -> String {
        let output = self.run(command);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        text(&output)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

#[test]
fn a_real_change_and_its_way_back() {
    let Some(namespace) = Namespace::new() else { return };
    let folder = folder("real");
    let undo = folder.join("undo.sh").display().to_string();
    let tool = env!("CARGO_BIN_EXE_ringmaster-tune");
    namespace.must("ip link add v0 mtu 1400 numtxqueues 2 numrxqueues 1 type veth peer name v1");
    namespace.must("ip link set v0 up && ip link set v1 up");
    namespace
        .must("echo 128 > /proc/sys/net/core/somaxconn && echo 64 > /proc/sys/net/ipv4/tcp_max_syn_backlog");
    let mut knobs = vec!["somaxconn", "syn_backlog", "slow_start", "ports", "mtu", "rps"];
    namespace.must("echo '1024 65535' > /proc/sys/net/ipv4/ip_local_port_range");
    if namespace.run("ethtool -K v0 tso off").status.success() {
        knobs.push("offloads");
    } else {
        eprintln!("NOT TESTED: offloads; ethtool is not installed");
    }
    let target = format!("--nic v0 --cores 2 --only {}", knobs.join(","));
    let look = || namespace.run(&format!("{tool} check --all --json {target}"));
    let before = look();
    assert_eq!(text(&before).matches("\"status\": \"fine\"").count(), 0, "{}", text(&before));
    let applied = namespace.must(&format!("{tool} apply --yes --undo {undo} {target}"));
    let after = look();
    assert_eq!(
        text(&after).matches("\"status\": \"fine\"").count(),
        knobs.len(),
        "{applied}\n{}",
        text(&after)
    );
    assert_eq!(after.status.code(), Some(0));
    namespace.must(&format!("sh {undo}"));
    assert_eq!(text(&look()), text(&before));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_units_are_valid() {
    let units = folder("units");
    for name in ["ringmaster.service", "ringmaster-tune.service"] {
        let unit = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("the unit");
        // What is not installed cannot be started, which would be a fault of the machine, not of the unit.
        let unit = unit.replace("/usr/local/bin/ringmaster-tune", "/bin/true");
        fs::write(units.join(name), unit.replace("/usr/local/bin/ringmaster", "/bin/true")).unwrap();
    }
    let mut verify = Command::new("systemd-analyze");
    verify.arg("verify").arg(units.join("ringmaster.service")).arg(units.join("ringmaster-tune.service"));
    match verify.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && said.is_empty(), "{said}");
        }
        Err(_) => eprintln!("NOT TESTED: the units; systemd-analyze is not installed"),
    }
    fs::remove_dir_all(units).unwrap();
}
