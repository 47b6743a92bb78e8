//! The commands of a run: a row each, with its syntax and how its replies are compared.

use base::Random;

use crate::compare::Compare::{self, AnyOrder, Encoding, Exact, Failure, Ignored, Near, Pending, Shape};
use crate::grammar::Syntax;
use crate::words;

/// Rows by type. Behind `:` stands a letter for how replies are compared, see [`comparison`]; none means exactly.
const TABLE: &[&str] = &[
    // Strings.
    "SET string value [NX|XX] [GET] [KEEPTTL|EX sec|PX ms|EXAT at|PXAT atms]",
    "SET string int",
    "SET string value [XX]",
    "GET string",
    "GETSET string value",
    "GETDEL string",
    "GETEX string [PERSIST|EX sec|PX ms|EXAT at|PXAT atms]",
    "SETNX string value",
    "SETEX string sec value",
    "PSETEX string ms value",
    "APPEND string value",
    "STRLEN string",
    "GETRANGE string pos pos",
    "SUBSTR string pos pos",
    "SETRANGE string offset value",
    "INCR string",
    "DECR string",
    "INCRBY string int",
    "DECRBY string int",
    "INCRBYFLOAT string float",
    "MGET (string)+",
    "MSET (string value)+",
    "MSETNX (string value)+",
    "LCS string string [LEN|IDX] [MINMATCHLEN pos] [WITHMATCHLEN]",
    // Bitmaps.
    "SETBIT bitmap offset bit",
    "GETBIT bitmap offset",
    "BITCOUNT bitmap [pos pos [BYTE|BIT]]",
    "BITPOS bitmap bit [pos [pos [BYTE|BIT]]]",
    "BITOP (AND|OR|XOR|NOT) bitmap (bitmap)+",
    "BITFIELD bitmap (GET bits offset|SET bits offset int|INCRBY bits offset int|OVERFLOW (WRAP|SAT|FAIL))+",
    "BITFIELD_RO bitmap (GET bits offset)+",
    // Lists.
    "LPUSH list (value)+",
    "RPUSH list (value)+",
    "RPUSH list numbers",
    "LPUSHX list (value)+",
    "RPUSHX list (value)+",
    "LPOP list [count]",
    "RPOP list [count]",
    "LLEN list",
    "LINDEX list pos",
    "LRANGE list pos pos",
    "LINSERT list (BEFORE|AFTER) value value",
    "LSET list near value",
    "LREM list pos value",
    "LTRIM list pos pos",
    "LPOS list value [RANK pos] [COUNT count] [MAXLEN count]",
    "LMOVE list list (LEFT|RIGHT) (LEFT|RIGHT)",
    "RPOPLPUSH list list",
    "LMPOP lists (LEFT|RIGHT) [COUNT count]",
    // Sets.
    "SADD set (value)+",
    "SADD set (int)+",
    "SADD set numbers",
    "SREM set (value)+",
    "SCARD set",
    "SISMEMBER set value",
    "SMISMEMBER set (value)+",
    "SMEMBERS set : o",
    "SMOVE set set value",
    "SINTER (set)+ : o",
    "SUNION (set)+ : o",
    "SDIFF (set)+ : o",
    "SINTERSTORE set (set)+",
    "SUNIONSTORE set (set)+",
    "SDIFFSTORE set (set)+",
    "SINTERCARD sets [LIMIT count]",
    "SPOP set [count] : r",
    "SRANDMEMBER set [draw] : s",
    "SSCAN set 0 COUNT 100000 [MATCH pattern] : o",
    // Sorted sets.
    "ZADD zset [NX|XX] [GT|LT] [CH] (score value)+",
    "ZADD zset (score value)+",
    "ZADD zset [NX|XX] [GT|LT] [CH] INCR score value",
    "ZINCRBY zset score value",
    "ZREM zset (value)+",
    "ZCARD zset",
    "ZCOUNT zset bound bound",
    "ZLEXCOUNT zset lex lex : l",
    "ZSCORE zset value",
    "ZMSCORE zset (value)+",
    "ZRANK zset value [WITHSCORE]",
    "ZREVRANK zset value [WITHSCORE]",
    "ZRANGE zset pos pos [REV] [WITHSCORES]",
    "ZRANGE zset bound bound BYSCORE [REV] [LIMIT skip pos] [WITHSCORES]",
    "ZRANGE zset lex lex BYLEX [REV] [LIMIT skip pos] [WITHSCORES] : l",
    "ZREVRANGE zset pos pos [WITHSCORES]",
    "ZRANGEBYSCORE zset bound bound [WITHSCORES] [LIMIT skip pos]",
    "ZREVRANGEBYSCORE zset bound bound [WITHSCORES] [LIMIT skip pos]",
    "ZRANGEBYLEX zset lex lex [LIMIT skip pos] : l",
    "ZREVRANGEBYLEX zset lex lex [LIMIT skip pos] : l",
    "ZRANGESTORE zset zset (pos pos|bound bound BYSCORE) [REV] [LIMIT skip pos]",
    "ZREMRANGEBYRANK zset pos pos",
    "ZREMRANGEBYSCORE zset bound bound",
    "ZREMRANGEBYLEX zset lex lex : l",
    "ZPOPMIN zset [count]",
    "ZPOPMAX zset [count]",
    "ZMPOP zsets (MIN|MAX) [COUNT count]",
    "ZUNION zsets [WEIGHTS (weight)+] [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]",
    "ZINTER zsets [WEIGHTS (weight)+] [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]",
    "ZUNIONSTORE zset 2 zset zset [WEIGHTS weight weight] [AGGREGATE (SUM|MIN|MAX)]",
    "ZINTERSTORE zset 2 zset zset [WEIGHTS weight weight] [AGGREGATE (SUM|MIN|MAX)]",
    "ZUNIONSTORE zset 2 set zset [WEIGHTS weight weight]",
    "ZDIFF zsets [WITHSCORES]",
    "ZDIFFSTORE zset zsets",
    "ZINTERCARD zsets [LIMIT count]",
    "ZRANDMEMBER zset [draw [WITHSCORES]] : s",
    "ZSCAN zset 0 COUNT 100000 [MATCH pattern] : p",
    // Hashes.
    "HSET hash (value value)+",
    "HMSET hash (value value)+",
    "HSETNX hash value value",
    "HGET hash value",
    "HMGET hash (value)+",
    "HDEL hash (value)+",
    "HLEN hash",
    "HSTRLEN hash value",
    "HEXISTS hash value",
    "HGETALL hash : p",
    "HKEYS hash : o",
    "HVALS hash : o",
    "HINCRBY hash value int",
    "HINCRBYFLOAT hash value float",
    "HRANDFIELD hash [draw [WITHVALUES]] : s",
    "HSCAN hash 0 COUNT 100000 [MATCH pattern] : p",
    "HSCAN hash 0 COUNT 100000 NOVALUES : o",
    "HEXPIRE hash sec [NX|XX] FIELDS fields",
    "HPEXPIRE hash ms [NX|XX] FIELDS fields",
    "HEXPIREAT hash at [NX|XX|GT|LT] FIELDS fields",
    "HPEXPIREAT hash atms [NX|XX|GT|LT] FIELDS fields",
    "HTTL hash FIELDS fields : n",
    "HPTTL hash FIELDS fields : n",
    "HEXPIRETIME hash FIELDS fields : n",
    "HPEXPIRETIME hash FIELDS fields : n",
    "HPERSIST hash FIELDS fields",
    "HGETEX hash [PERSIST|EX sec|PX ms|EXAT at|PXAT atms] FIELDS fields",
    "HSETEX hash [FNX|FXX] [KEEPTTL|EX sec|PX ms|EXAT at|PXAT atms] FIELDS pairs",
    "HGETDEL hash FIELDS fields",
    // Places.
    "GEOADD geo [NX|XX] [CH] (lon lat place)+",
    "ZADD geo geohash place",
    "GEODIST geo place place [unit]",
    "GEOHASH geo (place)+",
    "GEOPOS geo (place)+",
    "GEOSEARCH geo (FROMMEMBER place|FROMLONLAT lon lat) (BYRADIUS dist unit|BYBOX dist dist unit) \
     (ASC|DESC) [COUNT count] [WITHCOORD] [WITHDIST] [WITHHASH] : x",
    "GEOSEARCH geo FROMLONLAT lon lat BYRADIUS dist unit : o",
    "GEOSEARCHSTORE geo geo FROMMEMBER place (BYRADIUS dist unit|BYBOX dist dist unit) (ASC|DESC) [COUNT count] \
     [STOREDIST] : x",
    "GEORADIUS geo lon lat dist unit (ASC|DESC) [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count] [STORE geo]",
    "GEORADIUSBYMEMBER geo place dist unit (ASC|DESC) [WITHDIST] [STOREDIST geo] : x",
    "GEORADIUS_RO geo lon lat dist unit ASC [WITHDIST]",
    "GEORADIUSBYMEMBER_RO geo place dist unit ASC [WITHCOORD] : x",
    // HyperLogLogs.
    "PFADD hll (value)+",
    "PFADD hll numbers",
    "PFCOUNT (hll)+",
    "PFMERGE hll (hll)+",
    // Streams.
    "XADD stream [NOMKSTREAM] [MAXLEN (=|~) count|MINID (=|~) id] id (value value)+",
    "XADD stream id (value value)+",
    "XADD stream id A value B value",
    "XLEN stream",
    "XRANGE stream idbound idbound [COUNT count]",
    "XREVRANGE stream idbound idbound [COUNT count]",
    "XDEL stream (id)+",
    "XTRIM stream (MAXLEN|MINID) [=|~] id [LIMIT count]",
    "XTRIM stream MAXLEN (=|~) count",
    "XREAD [COUNT count] STREAMS streams",
    "XREADGROUP GROUP group consumer [COUNT count] [NOACK] STREAMS stream (>|idbound)",
    "XGROUP CREATE stream group (idbound|$) [MKSTREAM] [ENTRIESREAD count]",
    "XGROUP SETID stream group (idbound|$) [ENTRIESREAD count]",
    "XGROUP CREATECONSUMER stream group consumer",
    "XGROUP DELCONSUMER stream group consumer",
    "XGROUP DESTROY stream group",
    "XACK stream group (id)+",
    "XPENDING stream group",
    "XPENDING stream group [IDLE minidle] idbound idbound count [consumer] : e",
    "XCLAIM stream group consumer minidle (id)+ [IDLE minidle] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID id]",
    "XAUTOCLAIM stream group consumer minidle idbound [COUNT count] [JUSTID]",
    "XSETID stream id [ENTRIESADDED count] [MAXDELETEDID id]",
    "XINFO STREAM stream : n",
    "XINFO GROUPS stream",
    // Keys of any type.
    "DEL (key)+",
    "UNLINK key",
    "EXISTS (key)+",
    "TOUCH (key)+",
    "TYPE key",
    "RENAME key key",
    "RENAMENX key key",
    "COPY key key [REPLACE]",
    "EXPIRE key sec [NX|XX]",
    "PEXPIRE key ms [NX|XX]",
    "EXPIREAT key at [NX|XX|GT|LT] [NX|XX|GT|LT]",
    "PEXPIREAT key atms [NX|XX|GT|LT]",
    "PERSIST key",
    "TTL key : n",
    "PTTL key : n",
    "EXPIRETIME key : n",
    "PEXPIRETIME key : n",
    "OBJECT ENCODING key : c",
    "SORT list [LIMIT pos pos] [ASC|DESC] [ALPHA] [STORE list] : d",
    "SORT set [LIMIT pos pos] [ASC|DESC] [ALPHA] [STORE list] : d",
    "SORT zset [LIMIT pos pos] [ASC|DESC] [ALPHA] : d",
    "SORT zset BY NOSORT [DESC] [GET #] : u",
    "SORT_RO list ALPHA [DESC] : d",
    "DBSIZE",
];

/// What may stand in a transaction only: there it answers at once.
const BLOCKING: &[&str] = &[
    "BLPOP (list)+ 0",
    "BRPOP (list)+ 0",
    "BLMOVE list list (LEFT|RIGHT) (LEFT|RIGHT) 0",
    "BRPOPLPUSH list list 0",
    "BLMPOP 0 lists (LEFT|RIGHT) [COUNT count]",
    "BZPOPMIN (zset)+ 0",
    "BZPOPMAX (zset)+ 0",
    "BZMPOP 0 zsets (MIN|MAX) [COUNT count]",
    "XREAD BLOCK 0 STREAMS streams",
    "XREADGROUP GROUP group consumer BLOCK 0 STREAMS stream >",
];

/// One in so many requests is made wrong.
const WRONG: u64 = 40;
/// One in so many is a transaction.
const TRANSACTION: u64 = 60;

/// A kind of request.
pub struct Row {
    syntax: Syntax,
    compare: Compare,
    care: Care,
    /// Would wait, but for a transaction.
    blocking: bool,
}

/// A command, and how its reply is compared.
#[derive(Debug, Clone)]
pub struct Command {
    /// Its words.
    pub words: Vec<Vec<u8>>,
    /// How its reply is compared; of EXEC, the replies in it.
    pub compare: Vec<Compare>,
}

/// Commands that belong together: mostly one, or a transaction.
pub type Request = Vec<Command>;

impl Command {
    /// A command whose reply does not matter.
    pub fn setting(words: &[&str]) -> Command {
        Command::fixed(words, Ignored)
    }

    fn fixed(words: &[&str], compare: Compare) -> Command {
        Command::new(words.iter().map(|word| word.as_bytes().to_vec()).collect(), compare)
    }

    fn new(words: Vec<Vec<u8>>, compare: Compare) -> Command {
        Command { words, compare: vec![compare] }
    }
}

/// What has to be done to the first key of a command for replies to be comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    None,
    /// What is left there is not to be compared (SPOP takes any member, Valkey's SORT leaves a sorted set as a
    /// skiplist): it is deleted right after.
    DeleteAfter,
    /// Ranges by member mean something only where all scores are the same: they are made so before.
    FlattenBefore,
}

/// What a letter of the table stands for.
fn comparison(letter: &str) -> (Compare, Care) {
    match letter {
        "" => (Exact, Care::None),
        "o" => (AnyOrder { pairs: false }, Care::None),
        "p" => (AnyOrder { pairs: true }, Care::None),
        "s" => (Shape, Care::None),
        "r" => (Shape, Care::DeleteAfter),
        "d" => (Exact, Care::DeleteAfter),
        "u" => (AnyOrder { pairs: false }, Care::DeleteAfter),
        "l" => (Exact, Care::FlattenBefore),
        "n" => (Near, Care::None),
        "e" => (Pending, Care::None),
        "x" => (Failure, Care::None),
        "c" => (Encoding, Care::None),
        _ => unreachable!("{letter:?} is no comparison"),
    }
}

/// The table, read.
pub fn rows() -> Vec<Row> {
    let row = |text: &&str, blocking| {
        let (syntax, letter) = text.split_once(" : ").unwrap_or((text, ""));
        let (compare, care) = comparison(letter);
        Row { syntax: Syntax::parse(syntax), compare, care, blocking }
    };
    TABLE.iter().map(|text| row(text, false)).chain(BLOCKING.iter().map(|text| row(text, true))).collect()
}

/// A random request.
pub fn random_request(rows: &[Row], random: &mut Random) -> Request {
    if random.below(TRANSACTION) > 0 {
        return random_commands(rows, random, false);
    }
    let mut commands: Vec<Command> =
        (0..1 + random.below(4)).flat_map(|_| random_commands(rows, random, true)).collect();
    // What is queued is answered by EXEC.
    let compare = commands.iter_mut().flat_map(|command| command.compare.splice(.., [Exact])).collect();
    commands.insert(0, Command::fixed(&["MULTI"], Exact));
    commands.push(Command { words: vec![b"EXEC".to_vec()], compare });
    commands
}

fn random_commands(rows: &[Row], random: &mut Random, in_transaction: bool) -> Vec<Command> {
    let row = loop {
        let row = &rows[random.below(rows.len() as u64) as usize];
        if in_transaction || !row.blocking {
            break row;
        }
    };
    let mut words = row.syntax.expand(random);
    // A wrong command in a transaction ends all of it: outside there is more to see.
    if !in_transaction && random.below(WRONG) == 0 {
        make_wrong(&mut words, random);
    }
    let key = words.get(1).cloned().unwrap_or_default();
    let command = Command::new(words, row.compare);
    match row.care {
        Care::None => vec![command],
        Care::DeleteAfter => vec![command, Command::new(vec![b"DEL".to_vec(), key], Exact)],
        Care::FlattenBefore => {
            let words: [&[u8]; 6] = [b"ZUNIONSTORE", &key, b"1", &key, b"WEIGHTS", b"0"];
            vec![Command::new(words.map(<[u8]>::to_vec).to_vec(), Exact), command]
        }
    }
}

/// Drops, doubles or replaces a word behind the command's name. Not one that tells where keys are, as such a command
/// may be redirected before it is read, nor the words of a scan, whose pages are each server's own, nor LSET's index.
fn make_wrong(words: &mut Vec<Vec<u8>>, random: &mut Random) {
    if words.len() < 2 {
        return;
    }
    let at = 1 + random.below(words.len() as u64 - 1) as usize;
    let is_fragile = words[0].ends_with(b"SCAN") || words[0] == b"LSET";
    let tells_keys = at == 1 || matches!(words[at].as_slice(), b"STREAMS" | b"STORE" | b"STOREDIST");
    if is_fragile || tells_keys {
        return;
    }
    match random.below(3) {
        0 => drop(words.remove(at)),
        1 => words.insert(at, words[at].clone()),
        _ => {
            words.remove(at);
            // No number, which might be a time that ends within the round, and no `*`, which is one.
            let mut other = Vec::new();
            words::push(["key", "bits", "unit"][random.below(3) as usize], &mut other, random);
            words.splice(at..at, other);
        }
    }
}
