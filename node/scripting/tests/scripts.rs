//! Scripts run to their end by a core that knows three commands: what they answer, and in which words they fail.

use resp::{Proto, Segment};
use scripting::{Answer, Engine, Script, Settings, Step, Version};

const VERSION: Version = Version { redis: "7.2.4", redis_number: 0x0007_0204, server: "test" };

fn engine() -> Engine {
    Engine::new(Settings { version: VERSION, memory_limit: 64 << 20, seed: 1 })
}

/// A core with the commands PING, ECHO and FAIL; a script that runs on is ended after some looks at the clock.
#[derive(Default)]
struct Core {
    slices: u32,
    log: Vec<String>,
}

impl Core {
    fn answer(&mut self, step: Step) -> Answer {
        match step {
            Step::Call(mut call) => {
                let words: Vec<Vec<u8>> = call.words().iter().map(|word| word.to_vec()).collect();
                let name = words[0].to_ascii_lowercase();
                match &name[..] {
                    b"ping" => call.reply.simple("PONG"),
                    b"echo" => call.reply.bulk(&words[1]),
                    b"fail" => call.reply.error("CODE it failed"),
                    b"map" => {
                        call.reply.map(1);
                        call.reply.bulk(b"a");
                        call.reply.double(1.5);
                    }
                    _ => return Answer::Refused(call, "ERR Unknown command called from script".to_owned()),
                }
                Answer::Replied(call)
            }
            Step::Permission(call) => Answer::Permission((call.words()[0] != b"no").then_some(true)),
            Step::Log(level, text) => {
                self.log.push(format!("{level:?} {text}"));
                Answer::Continue
            }
            Step::Slice => {
                self.slices += 1;
                if self.slices > 20 {
                    Answer::Kill("ERR Script killed by user with SCRIPT KILL...")
                } else {
                    Answer::Continue
                }
            }
            Step::Done(_) => unreachable!("a script that is done asks nothing"),
        }
    }

    fn run(&mut self, engine: &mut Engine, mut step: Step) -> String {
        loop {
            match step {
                Step::Done(finished) => {
                    let mut text = Vec::new();
                    for segment in finished.reply.segments() {
                        text.extend_from_slice(match segment {
                            Segment::Bytes(bytes) => bytes,
                            Segment::Blob(blob) => blob,
                        });
                    }
                    return String::from_utf8_lossy(&text).replace("\r\n", " ").trim_end().to_owned();
                }
                other => {
                    let answer = self.answer(other);
                    step = engine.resume(answer);
                }
            }
        }
    }
}

fn eval_on(engine: &mut Engine, body: &str, proto: Proto) -> String {
    let script = match engine.load_script(body.as_bytes(), false) {
        Ok(script) => script,
        Err(text) => return text,
    };
    let step = engine.start_script(&script, &[b"k1", b"k2"], &[b"a1"], proto);
    Core::default().run(engine, step).replace(&script.sha, "SHA")
}

fn eval(body: &str) -> String {
    eval_on(&mut engine(), body, Proto::Resp2)
}

fn check(cases: &[(&str, &str)]) {
    let mut engine = engine();
    for (body, expected) in cases {
        assert_eq!(&eval_on(&mut engine, body, Proto::Resp2), expected, "{body}");
    }
}

#[test]
fn values() {
    check(&[
        ("return 100.5", ":100"),
        ("return 'hello'", "$5 hello"),
        ("return {1,2,nil,3}", "*2 :1 :2"),
        ("return {true,false,{'x'}}", "*3 :1 $-1 *1 $1 x"),
        ("return {ok='fine'}", "+fine"),
        ("return {err='ERR no\\nline'}", "-ERR no line"),
        ("return {double=3.5}", "$3 3.5"),
        ("return {map={a=1}}", "*2 $1 a :1"),
        ("return {KEYS[1],KEYS[2],ARGV[1],#ARGV}", "*4 $2 k1 $2 k2 $2 a1 :1"),
        ("return nil", "$-1"),
        ("return _G", "*0"),
        ("return redis.call('ping')", "+PONG"),
        ("return redis.call('ping').ok", "$4 PONG"),
        ("return redis.call('echo', 9007199254740991)", "$16 9007199254740991"),
        ("return redis.call('echo', 0.1)", "$3 0.1"),
        ("return {type(redis.call('echo', '')), redis.call('map')}", "*2 $6 string *2 $1 a $3 1.5"),
        ("redis.setresp(3) return {redis.call('map').map.a.double, true, false}", "*3 :1 :1 :0"),
        ("return redis.sha1hex('')", "$40 da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("return {redis.acl_check_cmd('get', 'x')}", "*1 :1"),
        ("return redis.REDIS_VERSION_NUM", ":459268"),
        ("local t={} for k in pairs(os) do t[#t+1]=k end return t", "*1 $5 clock"),
        ("return {tostring(0/0), tostring(1e15), ('x'):rep(2)}", "*3 $4 -nan $5 1e+15 $2 xx"),
        ("math.randomseed(42) return tostring(math.random())", "$16 0.74452500033403"),
    ]);
    let mut engine = engine();
    assert_eq!(eval_on(&mut engine, "return {map={a={double=1.5}}}", Proto::Resp3), "%1 $1 a ,1.5");
    assert_eq!(eval_on(&mut engine, "return {true, {big_number='1\\r\\n2'}}", Proto::Resp3), "*2 :1 (1  2");
    assert_eq!(
        eval_on(&mut engine, "redis.setresp(3) return {true, {set={x=1}}}", Proto::Resp3),
        "*2 #t ~1 $1 x"
    );
}

#[test]
fn errors() {
    let at = " script: SHA, on @user_script:1.";
    let placed = [
        ("error('x')", "ERR user_script:1: x"),
        ("error({err='My Err'})", "My Err"),
        ("error()", "ERR nil"),
        ("redis.sha1hex()", "ERR wrong number of arguments"),
        (
            "return string.rep()",
            "ERR user_script:1: bad argument #1 to 'rep' (string expected, got no value)",
        ),
        ("return cjson.decode('[1,')", "ERR user_script:1: Expected value but found T_END at character 4"),
        (
            "return struct.pack('i4')",
            "ERR user_script:1: bad argument #2 to 'pack' (number expected, got nil)",
        ),
        (
            "return bit.tobit('x')",
            "ERR user_script:1: bad argument #1 to 'tobit' (number expected, got string)",
        ),
        ("return math.random(0)", "ERR user_script:1: bad argument #1 to 'random' (interval is empty)"),
        ("return rawset(_G, 'a', 1)", "ERR Attempt to modify a readonly table"),
        ("return table.insert(redis, 1)", "ERR Attempt to modify a readonly table"),
        ("return setmetatable(_G, {})", "ERR Attempt to modify a readonly table"),
        ("a = 10", "ERR user_script:1: Attempt to modify a readonly table"),
        ("redis.call = 1", "ERR user_script:1: Attempt to modify a readonly table"),
        ("getmetatable(_G).__index = {}", "ERR user_script:1: Attempt to modify a readonly table"),
        ("getmetatable('').__index.rep = 1", "ERR user_script:1: Attempt to modify a readonly table"),
        ("return x", "ERR user_script:1: Script attempted to access nonexistent global variable 'x'"),
        ("return print", "ERR user_script:1: Script attempted to access nonexistent global variable 'print'"),
        (
            "return newproxy",
            "ERR user_script:1: Script attempted to access nonexistent global variable 'newproxy'",
        ),
        ("os.exit()", "ERR user_script:1: attempt to call field 'exit' (a nil value)"),
        ("local function f() return f() + 1 end return f()", "ERR user_script:1: stack overflow"),
        ("return redis.call()", "ERR Please specify at least one argument for this call"),
        ("return redis.call('ping', {})", "ERR Command arguments must be strings or integers"),
        ("return redis.call('x')", "ERR Unknown command called from script"),
        ("return redis.call('fail')", "CODE it failed"),
        ("redis.setresp(4)", "ERR RESP version must be 2 or 3."),
        (
            "redis.set_repl(12345)",
            "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        ),
        (
            "redis.register_function('x', type)",
            "ERR user_script:1: attempt to call field 'register_function' (a nil value)",
        ),
        ("while true do end", "ERR Script killed by user with SCRIPT KILL..."),
        (
            "while true do pcall(function() while true do end end) end",
            "ERR Script killed by user with SCRIPT KILL...",
        ),
        (
            "coroutine.wrap(function() while true do end end)()",
            "ERR Script killed by user with SCRIPT KILL...",
        ),
        ("return ('x'):find(('a?'):rep(1e5))", "ERR user_script:1: pattern too complex"),
    ];
    for (body, expected) in placed {
        assert_eq!(eval(body), format!("-{expected}{at}"), "{body}");
    }
    check(&[
        ("return redis.error_reply('')", "-ERR"),
        ("return redis.error_reply('ABC')", "-ERR ABC"),
        ("return redis.error_reply('-ABC def')", "-ABC def"),
        ("return redis.status_reply(1)", "-ERR wrong number or type of arguments"),
        ("return redis.pcall('x')", "-ERR Unknown command called from script"),
        ("return redis.pcall('fail').err", "$14 CODE it failed"),
        ("return {pcall(redis.call, 'fail')}", "*2 $-1 $14 CODE it failed"),
        (
            "return select(2, pcall(cjson.decode, '{'))",
            "$57 Expected object key string but found T_END at character 2",
        ),
        (
            "local _, e = loadstring(string.dump(function() end)) return e",
            "$30 compiled code cannot be loaded",
        ),
        (
            "local _, e = load(function() return string.dump(function() end) end) return e",
            "$30 compiled code cannot be loaded",
        ),
        ("return load(function() return nil end) and 1", ":1"),
        ("local s = 'x' while true do s = s .. s end", "-ERR Error running script SHA, not enough memory"),
        ("return #cjson.encode({a=('x'):rep(1e7)}) - 1e7", ":8"),
        ("syntax error", "Error compiling script (new function): user_script:1: '=' expected near 'error'"),
    ]);
}

#[test]
fn deep_tables_end() {
    let text = eval("local a = {} a[1] = a return a");
    assert!(text.starts_with("*1 *1 ") && text.ends_with("-ERR reached lua stack limit"), "{}", text.len());
    assert_eq!(
        eval("local t = {} for i = 1, 7999 do t[i] = tostring(i) end return redis.call('echo', unpack(t))"),
        "$1 1"
    );
}

#[test]
fn libraries() {
    check(&[
        ("return cjson.encode({1,2,{a=1.5,b={}}})", "$22 [1,2,{\"a\":1.5,\"b\":{}}]"),
        (
            "return table.concat(cjson.decode('[0.0, -5e3, -1, 0.3e-3, 1023.2, 0e10]'), ' ')",
            "$26 0 -5000 -1 0.0003 1023.2 0",
        ),
        ("return cjson.decode('\"\\\\u00e9\\\\ud83d\\\\ude00/\"')", "$7 é😀/"),
        ("return cjson.encode('/\"\\1\\127')", "$18 \"\\/\\\"\\u0001\\u007f\""),
        ("return cjson.decode('{\"a\": null}').a == cjson.null", ":1"),
        (
            "return {pcall(cjson.encode, {[1]=1,[100]=2})}",
            "*2 $-1 $48 Cannot serialise table: excessively sparse array",
        ),
        (
            "local j = cjson.new() j.encode_number_precision(3) return j.encode(1/3) .. cjson.encode(1/3)",
            "$21 0.3330.33333333333333",
        ),
        ("return cjson.encode_max_depth()", ":1000"),
        ("return cmsgpack.pack(0.1):byte(1)", ":203"),
        (
            "return {cmsgpack.unpack(cmsgpack.pack('a', {1,2}, {x=1}, -33, 2^40, nil))}",
            "*5 $1 a *2 :1 :2 *0 :-33 :1099511627776",
        ),
        ("return {cmsgpack.unpack_one(cmsgpack.pack(1,2))}", "*2 :1 :1"),
        ("return {pcall(cmsgpack.unpack, '\\217')}", "*2 $-1 $23 Missing bytes in input."),
        ("return {struct.unpack('>I2<i2b', struct.pack('>I2<i2b', 258, -2, -1))}", "*4 :258 :-2 :-1 :6"),
        ("return {struct.unpack('bc0', struct.pack('bc0', 3, 'abc'))}", "*2 $3 abc :5"),
        ("return struct.size('!8bd')", ":16"),
        (
            "return {bit.band(0xff, 0x0f), bit.bnot(0), bit.rol(1, 33), bit.bswap(1)}",
            "*4 :15 :-1 :2 :16777216",
        ),
        ("return bit.tohex(65535, -2147483648)", "$8 0000FFFF"),
    ]);
}

#[test]
fn nothing_is_left_behind() {
    let mut engine = engine();
    eval_on(&mut engine, "local s = string s.x = 1", Proto::Resp2);
    eval_on(&mut engine, "setfenv(1, {}) y = 1", Proto::Resp2);
    eval_on(&mut engine, "setfenv(0, {})", Proto::Resp2);
    assert_eq!(
        eval_on(&mut engine, "return {tostring(string.x), type(KEYS)}", Proto::Resp2),
        "*2 $3 nil $5 table"
    );
    let used = engine.usage().eval_bytes;
    for _ in 0..2000 {
        eval_on(&mut engine, "return redis.call('echo', KEYS[1])", Proto::Resp2);
    }
    assert!(engine.usage().eval_bytes < used + 100_000, "{used} {}", engine.usage().eval_bytes);
}

fn load(engine: &mut Engine, code: &str) -> Result<(), String> {
    let mut core = Core::default();
    let library = engine.load_library(code.as_bytes(), &mut |step| core.answer(step))?;
    engine.add_libraries(vec![library], true)
}

fn call(engine: &mut Engine, name: &str) -> String {
    let function = engine.find_function(name.as_bytes()).expect(name);
    let step = engine.start_function(&function, &[b"k"], &[b"a"], Proto::Resp2);
    Core::default().run(engine, step)
}

#[test]
fn functions() {
    let mut engine = engine();
    let code = "#!lua name=lib\nlocal function one(a) return a + 1 end\n\
                redis.register_function('f1', function(keys, args) return {keys[1], args[1], one(1)} end)\n\
                server.register_function{function_name='F2', callback=function() return redis.call('x') end,\n\
                flags={'no-writes'}, description='d'}";
    load(&mut engine, code).unwrap();
    assert_eq!(call(&mut engine, "f1"), "*3 $1 k $1 a :2");
    assert_eq!(
        call(&mut engine, "f2"),
        "-ERR Unknown command called from script script: F2, on @user_function:4."
    );
    assert_eq!(engine.find_function(b"f2").unwrap().flags.names().collect::<Vec<_>>(), ["no-writes"]);
    let bad = [
        ("local x = nil + 1", "ERR user_function:2: attempt to perform arithmetic on a nil value"),
        ("redis.register_function()", "ERR wrong number of arguments to server.register_function"),
        (
            "redis.register_function('a')",
            "ERR calling server.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        ),
        (
            "return redis.call('ping')",
            "ERR user_function:2: Script attempted to access nonexistent global variable 'call'",
        ),
        (
            "return math.random()",
            "ERR user_function:2: Script attempted to access nonexistent global variable 'math'",
        ),
        ("a = 1", "ERR user_function:2: Attempt to modify a readonly table"),
        ("while true do end", "ERR Script killed by user with SCRIPT KILL..."),
    ];
    for (code, error) in bad {
        let error = format!("Error registering functions: {error}");
        assert_eq!(load(&mut engine, &format!("#!lua name=bad\n{code}")), Err(error));
    }
    assert_eq!(load(&mut engine, "#!lua name=bad\nreturn 1"), Err("No functions registered".to_owned()));
    let clash = "#!lua name=other\nredis.register_function('F1', function() end)";
    assert_eq!(load(&mut engine, clash), Err("Function F1 already exists".to_owned()));
    let late = "#!lua name=late\nlocal lib = redis\nredis.register_function('f3', function() lib.x = redis end)\n\
                redis.register_function('f4', function() lib.register_function('f5', function() end) end)";
    load(&mut engine, late).unwrap();
    assert!(call(&mut engine, "f3").contains("Attempt to modify a readonly table"));
    assert!(call(&mut engine, "f4").contains("can only be called on FUNCTION LOAD command"));
    assert_eq!(engine.usage().functions, 4);
    assert!(engine.delete_library(b"lib") && engine.find_function(b"f1").is_none());
}

#[test]
fn the_log_and_slices() {
    let mut engine = engine();
    let script: std::rc::Rc<Script> = engine
        .load_script(b"redis.log(redis.LOG_WARNING, 'a', 1) for i = 1, 1e5 do end return 1", false)
        .unwrap();
    let mut core = Core::default();
    let step = engine.start_script(&script, &[], &[], Proto::Resp2);
    assert!(engine.is_running());
    assert_eq!(core.run(&mut engine, step), ":1");
    assert_eq!(core.log, ["Warning a 1"]);
    assert!(core.slices > 5 && !engine.is_running());
}
