import Lua
import Notebooks
import Testing

@Suite struct SourceSecretsTests {
  @Test(arguments: [
    ("password='x1'", "password='•••'"),
    ("synnax.connect{ password = \"tr0m\", port = 1 }", "synnax.connect{ password = \"•••\", port = 1 }"),
    ("pasword = 'x', pwd = 'y'", "pasword = '•••', pwd = '•••'"),
    ("t['password'] = 12", "t['password'] = •••"),
    ("t.Password = [[a\nb]] x = 'y'", "t.Password = [[•••\n]] x = 'y'"),
    ("local token <const> = 'x'", "local token <const> = '•••'"),
    ("user, password = 'ada', 'love'\nx = 'y'", "user, password = '•••', '•••'\nx = 'y'"),
    ("password = 'a' .. (\"b\" or [=[c]=]) f 'd'", "password = '•••' .. (\"•••\" or [=[•••]=]) f 'd'"),
    ("if password == 'x' then print 'y' end", "if password == '•••' then print 'y' end"),
    ("connect{ password 'x' }", "connect{ password '•••' }"), ("password = 'x }", "password = '•••"),
    (
      "-- c{ password = 'x' }\n--[[ api_key = 'k' ]] y()",
      "-- c{ password = '•••' }\n--[[ api_key = '•••' ]] y()"
    ),
    ("connect('synnax://ada:l@ve@host:1/x')", "connect('synnax://ada:•••@host:1/x')"),
    ("-- see synnax://ada:love@host", "-- see synnax://ada:•••@host"),
    (":run a.lua password='x'", ":run a.lua password='•••'"),
    ("-- a -- b -- password = 'a--b' -- c", "-- a -- b -- password = '•••' -- c"),
    ("-- a --[[ password = 'x' ]] -- token = 'y'", "-- a --[[ password = '•••' ]] -- token = '•••'"),
    ("--[==[ -- a\n -- --[[ password = 'x' ]] -- ]==]", "--[==[ -- a\n -- --[[ password = '•••' ]] -- ]==]"),
  ])
  func leavesOut(_ source: String, _ redacted: String) {
    let secrets = SourceSecrets(Array(source.utf8))
    #expect(String(decoding: secrets.redacted, as: UTF8.self) == redacted)
    #expect(!secrets.isEmpty)
  }

  @Test(arguments: [
    "print(password)", "if token == nil then", "connect('ws://host:9090/a b@c')", "tokens = {}", "x = 'a@b'",
    "password = os.getenv('SYNNAX_PASSWORD') or os.getenv \"PW\"", "password_env = 'NAME'",
    "password_file = 'f'",
    "for token in text:gmatch('%a+') do end", "max_tokens = 5", "token = line:match('(%w+)')",
    "password = ''",
    "api_key = key", "password = io.open('f'):read('l')", "c = 'password'", "", "'", "password =", "://:@",
  ])
  func leavesAlone(_ source: String) {
    let secrets = SourceSecrets(Array(source.utf8))
    #expect(secrets.isEmpty && secrets.redacted == Array(source.utf8))
  }

  /// However deep comments stand within comments: on a thread with the stack of a task.
  @Test(arguments: [
    "-- ", "--", "--[[ ", "--[==[ ", "--[[ -- ]]", "-- password = 'x' ", "-- a://b:c@", "://",
  ])
  func commentsInCommentsAreOneText(_ piece: String) {
    let source = Array("x = 1 ".utf8) + Array(repeatElement(Array(piece.utf8), count: 60_000).joined())
    let began = ContinuousClock.now
    let secrets = SourceSecrets(source)
    #expect(secrets.redacted.count >= 6 && secrets.isEmpty == !(piece.contains("x") || piece.contains("c@")))
    // Linear: a minute for what takes a moment is for slow machines.
    #expect(ContinuousClock.now - began < .seconds(60))
  }

  @Test func anEchoShowsNoSecret() throws {
    let bench = try Bench()
    #expect(
      bench.run("{ host = 'h', password = 'tr0mbone', token = 5, tokens = { 'a' } }")
        == ["[1]= { host = \"h\", password = \"•••\", token = 5, tokens = { \"a\" } }"])
  }

  @Test func anErrorQuotesNoSecret() throws {
    let bench = try Bench()
    for cell in [
      "password = 'tr0mbone' error('x')", "connect{ password 'tr0mbone' }",
      "connect{ password = 'tr0mbone\n}",
      "local password = 'tr0m\\98one'; error('no log-in with ' .. password)",
      "nosuch.field = 'synnax://ada:tr0mbone@host'",
    ] {
      let shown = bench.run(cell).joined(separator: "\n")
      #expect(!shown.isEmpty && !shown.contains("tr0m"), "\(shown)")
    }
    #expect(
      bench.run("#In .. ' ' .. tostring(table.concat(In, '', 1, 5):find('tr0' .. 'm'))") == ["[6]= 6 nil"])
  }
}
