import JSON
import Bela
import Telemetry
import Testing

@Suite struct BelaReplyTests {
  @Test(
    arguments: [
      ("1e+308", 1e308), ("1.84467440737096e+19", 1.84467440737096e19),
      ("9.00719925476008e+15", 9.00719925476008e15),
      ("-0.25", -0.25), ("inf", .infinity), ("-inf", -.infinity), ("true", 1), ("0", 0),
    ] as [(String, Double)])
  func numbersAreDoubles(_ text: String, _ value: Double) {
    #expect(JSON(board: text)?.boardNumber == value)
  }

  @Test(arguments: ["nan", "-nan", "null", "NaN"])
  func notANumberIsRead(_ text: String) {
    #expect(JSON(board: "{\"a\":\(text)}")?["a"]?.boardNumber?.isNaN == true)
  }

  @Test(arguments: [
    "", "{", "{\"a\":1", "{\"a\":1}x", "{\"a\"}", "{a:1}", "\"\\x\"", "\"\\u12\"", "tru", "1.2.3", "--1",
    "[1,]", "\u{1}",
    "nana", String(repeating: "[", count: 100_000),
  ])
  func otherTextIsRefused(_ text: String) {
    #expect(JSON(board: text) == nil)
  }

  @Test func escapesAreRead() {
    #expect(JSON(board: "\"\\/\\u00e4\\ud83d\\ude00\\n\\\"\"")?.string == "/ä😀\n\"")
    #expect(JSON(board: "\"\\ud83d\"")?.string == "\u{FFFD}")
  }

  @Test func writesAsciiOnly() {
    #expect(JSON.string("ä/\"\\\n😀").boardText == "\"\\u00e4/\\\"\\\\\\n\\ud83d\\ude00\"")
    #expect(JSON.number(4.6).boardText == "4.6")
    #expect(JSON.number(-3).boardText == "-3")
    #expect(JSON.number(.nan).boardText == "null")
    #expect(
      (["b": [.number(1), nil], "a": true] as JSON).boardText
        == "{\"a\":true,\"b\":[1,null]}")
  }

  @Test func aNameOfEscapedBytesIsUnescaped() {
    let reply = BelaReply(Array("{\"event\":\"connection\",\"projectName\":\"b\\u00c3\\u00a4r\"}".utf8))
    #expect(reply == .connection(project: "bär"))
    #expect(BelaReply(Array("{\"event\":\"connection\"}".utf8)) == .connection(project: nil))
  }

  @Test func aListWithBareNanAndNonsenseIsRead() throws {
    let text = """
      {"watcher":{"sampleRate":inf,"timestamp":5,"more":[],"watchers":[
       {"name":"a","type":"f","value":nan,"valueInput":-inf,"timestampMode":1,"monitor":2147483647},
       {"name":"b","type":"x"}, 7, {"name":"c","type":"j","watched":true,"value":4294967295}]}}
      """
    guard case .list(let list) = BelaReply(Array(text.utf8)) else {
      Issue.record("no list")
      return
    }
    #expect(list.sampleRate == nil && list.tick == 5 && list.names == ["a", "c"])
    #expect(
      list["a"]?.value.isNaN == true && list["a"]?.mode == .sparse
        && list["a"]?.monitorPeriod == 2_147_483_647)
    #expect(list["c"]?.index == 3 && list["c"]?.isWatched == true && list["c"]?.value == 4_294_967_295)
  }

  @Test func anOpenEndedLogHasNoEnd() {
    let text =
      "{\"watcher\":{\"logFileName\":\"a.bin\",\"timestamp\":7,\"timestampEnd\":1.84467440737096e+19,\"watcher\":\"a\"}}"
    guard case .log(let reply) = BelaReply(Array(text.utf8)) else {
      Issue.record("no log reply")
      return
    }
    #expect(reply.end == nil && reply.start == 7 && reply.fileName == "a.bin" && reply.variable == "a")
  }

  @Test func unknownEventsAreIgnoredAndGarbageIsTold() {
    #expect(BelaReply(Array("{\"event\":\"set-slider\",\"x\":1}".utf8)) == .other)
    #expect(BelaReply(Array("{\"watcher\":5}".utf8)) == .other)
    #expect(BelaReply(Array("[]".utf8)) == .garbage)
    #expect(BelaReply([0xFF, 0x00]) == .garbage)
  }

  @Test func theSeedProtocolIsRead() {
    let text = """
      {"status_code":1,"message":"Streaming started...","time_ms":60000,"variables":["a","b"],"types":["int","float"]}
      """
    guard case .command(let reply) = BelaReply(Array(text.utf8)) else {
      Issue.record("no reply")
      return
    }
    #expect(reply.meaning == .started && reply.variables == ["a", "b"] && reply.types == ["int", "float"])
    #expect(BelaReply(reply.json.encoded()) == .command(reply))
    let failed = BelaReply(Array("{\"message\":\"Watcher not running\"}".utf8))
    guard case .command(let reply) = failed else {
      Issue.record("no reply")
      return
    }
    #expect(reply.status == 503 && reply.meaning == .failed)
  }
}
