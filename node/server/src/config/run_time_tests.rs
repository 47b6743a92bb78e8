//! CONFIG GET, SET and REWRITE.

use super::{Change, Config, SetContext, SetError, is_secret, rewrite};

const OPEN: SetContext = SetContext { protected_allowed: true, loading: false };

fn set(config: &Config, settings: &[(&str, &str)], context: SetContext) -> Result<Change, SetError> {
    let settings: Vec<(&[u8], &[u8])> = settings.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
    config.set(&settings, context)
}

fn after(settings: &[(&str, &str)]) -> Config {
    set(&Config::default(), settings, OPEN).unwrap_or_else(|e| panic!("{e}")).config
}

fn check_error(settings: &[(&str, &str)], context: SetContext, expect: &str) {
    let got = set(&Config::default(), settings, context).expect_err("an error");
    assert_eq!(got.to_string(), expect, "{settings:?}");
}

#[test]
fn get_patterns() {
    let config = Config::default();
    let get = |patterns: &[&str]| {
        let patterns: Vec<&[u8]> = patterns.iter().map(|p| p.as_bytes()).collect();
        config.get(&patterns).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(get(&["port", "PORT", "nothing"]), ["port"]);
    assert_eq!(get(&["MaxClients"]), ["MaxClients"]);
    assert_eq!(get(&["*of", "replicaof"]), ["replicaof", "slaveof"]);
    assert_eq!(get(&["hash-max-*-value"]), ["hash-max-listpack-value", "hash-max-ziplist-value"]);
    assert_eq!(get(&["key-load-delay"]), ["key-load-delay"]);
    assert!(get(&["key-load*"]).is_empty());
    let all = get(&["*", "maxmemory*"]);
    assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), all.len());
}

#[test]
fn every_value_can_be_set_to_itself() {
    let config = Config::default();
    for row in super::directives::rows().filter(|row| !row.fixed) {
        let value = row.kind.show(&row.read(&config));
        let change = set(&config, &[(row.name, &value)], OPEN).unwrap_or_else(|e| panic!("{e}"));
        assert!(change.changed.is_empty(), "{} {value:?}", row.name);
    }
}

#[test]
fn set_is_all_or_nothing() {
    let change =
        set(&Config::default(), &[("MAXMEMORY", "10mb"), ("save", "3000 5"), ("hz", "10")], OPEN).unwrap();
    assert_eq!(change.named, ["maxmemory", "save", "hz"]);
    assert_eq!(change.changed, ["maxmemory", "save"]);
    assert_eq!(change.config.limits.maxmemory, 10 << 20);
    assert_eq!(change.config.persistence.save.len(), 1);
    assert_eq!(after(&[("hz", "0")]).general.hz, 1);
    assert_eq!(
        after(&[("client-output-buffer-limit", "slave 1k 2 3")]).limits.client_output_buffer_limit[1]
            .hard_bytes,
        1000
    );
    assert!(after(&[("bind", "")]).network.bind.is_empty());
    assert!(
        after(&[("latency-tracking-info-percentiles", "")])
            .insight
            .latency_tracking_info_percentiles
            .is_empty()
    );
}

#[test]
fn set_errors() {
    let failed = |name: &str, reason: &str| {
        format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}")
    };
    check_error(&[("Foo", "1")], OPEN, "Unknown option or number of arguments for CONFIG SET - 'Foo'");
    check_error(&[("maxmemory", "1"), ("Maxmemory", "2")], OPEN, &failed("Maxmemory", "duplicate parameter"));
    check_error(&[("daemonize", "yes")], OPEN, &failed("daemonize", "can't set immutable config"));
    let closed = SetContext { protected_allowed: false, loading: false };
    check_error(&[("dir", "/")], closed, &failed("dir", "can't set protected config"));
    let loading = SetContext { protected_allowed: true, loading: true };
    check_error(&[("appendonly", "yes")], loading, "LOADING Redis is loading the dataset in memory");
    check_error(
        &[("maxmemory", "5"), ("maxmemory-clients", "200%")],
        OPEN,
        &failed("maxmemory-clients", "percentage argument must be less or equal to 100"),
    );
    check_error(
        &[("slave-read-only", "x")],
        OPEN,
        &failed("slave-read-only", "argument must be 'yes' or 'no'"),
    );
    check_error(
        &[("client-query-buffer-limit", "10")],
        OPEN,
        &failed(
            "client-query-buffer-limit",
            "argument must be between 1048576 and 9223372036854775807 inclusive",
        ),
    );
    check_error(&[("save", "5 5  6 6")], OPEN, &failed("save", "Invalid save parameters"));
    check_error(
        &[("cluster-announce-hostname", "a_b")],
        OPEN,
        &failed(
            "cluster-announce-hostname",
            "Hostnames may only contain alphanumeric characters, hyphens or dots",
        ),
    );
    check_error(
        &[("dbfilename", "a/b")],
        OPEN,
        &failed("dbfilename", "dbfilename can't be a path, just a filename"),
    );
    assert!(is_secret(b"RequirePass") && is_secret(b"primaryauth") && !is_secret(b"port"));
}

fn check_rewrite(old: &str, settings: &[(&str, &str)], expect: &str) {
    // `dir` and `save` are always written; given here so that the expectations stay short.
    let config = after(settings);
    let new = String::from_utf8(rewrite(old.as_bytes(), &config, &[], false)).unwrap();
    let rest: Vec<&str> =
        new.lines().filter(|l| !l.starts_with("dir ") && !l.starts_with("save 3600")).collect();
    assert_eq!(rest.join("\n"), expect, "{old:?} {settings:?}");
}

#[test]
fn rewrite_keeps_what_people_wrote() {
    check_rewrite(
        "# head\n\n\n\nport 1\n  slave-read-only no  \n# tail\nport 2\nwhat is this\ninclude x.conf\n",
        &[("port", "7000")],
        "# head\n\nport 7000\nreplica-read-only yes\n# tail\n\n\
         # ??? what is this\ninclude x.conf\n# Generated by CONFIG REWRITE",
    );
    check_rewrite(
        "# Generated by CONFIG REWRITE\ntimeout 0\n",
        &[],
        "# Generated by CONFIG REWRITE\ntimeout 0",
    );
    check_rewrite(
        "requirepass old\nlogfile x",
        &[("requirepass", "")],
        "\nlogfile \"\"\n# Generated by CONFIG REWRITE",
    );
    check_rewrite("bind 1.1.1.1", &[], "\n# Generated by CONFIG REWRITE");
}

#[test]
fn rewrite_adds_what_changed() {
    check_rewrite(
        "client-output-buffer-limit normal 1 1 1\n",
        &[
            ("maxmemory", "1536"),
            ("maxmemory-clients", "5%"),
            ("repl-backlog-size", "20mb"),
            ("requirepass", "a\"b\n"),
            ("client-output-buffer-limit", "replica 1mb 0 1"),
            ("shutdown-on-sigterm", "now nosave"),
            ("notify-keyspace-events", "KA"),
        ],
        "client-output-buffer-limit normal 0 0 0\n# Generated by CONFIG REWRITE\n\
         shutdown-on-sigterm nosave now\nrequirepass \"a\\\"b\\n\"\n\
         client-output-buffer-limit replica 1mb 0 1\nmaxmemory 1536\nmaxmemory-clients 5%\n\
         notify-keyspace-events \"AK\"\nrepl-backlog-size 20mb",
    );
    let config = after(&[("save", ""), ("bind", "")]);
    let new = String::from_utf8(rewrite(b"save 900 1\nsave 300 10\n", &config, &[], false)).unwrap();
    assert!(new.starts_with("save \"\"\n\n") && new.contains("\nbind \"\"\n"), "{new}");
}

/// All of the configuration written and read again is the same configuration.
#[test]
fn rewrite_everything_and_load() {
    struct One(Vec<u8>);
    impl super::Files for One {
        fn read(&mut self, _: &str) -> std::io::Result<Vec<u8>> {
            Ok(self.0.clone())
        }
        fn read_stdin(&mut self) -> std::io::Result<Vec<u8>> {
            Ok(Vec::new())
        }
        fn glob(&mut self, _: &str) -> Vec<String> {
            Vec::new()
        }
        fn resolve_dir(&mut self, dir: &str) -> std::io::Result<String> {
            Ok(dir.to_owned())
        }
    }
    let config = after(&[
        ("maxmemory-clients", "7%"),
        ("requirepass", "\u{e9} \\x"),
        ("save", ""),
        ("list-max-listpack-size", "-5"),
    ]);
    let text = rewrite(b"", &config, &[], true);
    let again = super::load(&["f".to_owned()], &mut One(text)).unwrap_or_else(|e| panic!("{e}")).config;
    assert_eq!(again.get(&[b"*"]), config.get(&[b"*"]));
}
