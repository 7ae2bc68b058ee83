import Bindings
import Testing

/// The language of types in the reference.
@Suite struct APITypeTests {
  @Test(arguments: [
    "any", "Frame?", "string|integer", "integer[]", "(ChannelName|integer)[]", "string|string[]",
    "(string|nil)?",
    "{span?:Span,max:integer}", "{[integer]:string|integer,buffer?:integer|Span}",
    "{at:integer,why:string}[]",
    "table<ChannelName,{value:integer,mask:integer}>", "fun():Frame|false|nil", "fun():Frame,integer",
    "fun(frame:Frame,position?:integer):number",
    "function|{[integer]:function,name?:string}", "{index?:string|table}",
  ])
  func aTypeReadsAsItIsWritten(_ text: String) {
    #expect(APIType(text).description == text)
  }

  @Test func blanksMeanNothing() {
    #expect(APIType("table<string, any>") == APIType("table<string,any>"))
  }

  @Test func alternativesAreWhatAValueMayBe() {
    #expect(APIType("Frame?|false").alternatives == [.named("Frame")])
    #expect(
      APIType("(string|integer)?|Span").alternatives == [.named("string"), .named("integer"), .named("Span")])
    #expect(APIType("fun():integer").alternatives.count == 1)
  }

  @Test func optionsAreThoseOfAllTables() {
    #expect(
      APIType("string|{host?:string,port?:integer}|{port?:integer,rate?:number}").options == [
        "host", "port", "rate",
      ])
    #expect(APIType("string|BoardSimulation").options == ["speed", "rate", "block", "seed", "vars"])
    #expect(APIType("{[integer]:string}").options == [])
    #expect(APIType("string").options == nil)
    #expect(APIType("{x?:integer}|table").options == nil)
  }

  @Test func listsAndKeysOfTablesAreTold() {
    #expect(APIType("ChannelName|(ChannelName|integer)[]").listed.map(\.mayBeChannel) == [true])
    #expect(APIType("StreamerOptions").listed.map(\.mayBeChannel) == [true])
    #expect(APIType("table<ChannelName|integer,any>|Frame").mapKeys.map(\.mayBeChannel) == [true])
    #expect(!APIType("table<string,any>").mapKeys[0].mayBeChannel)
  }
}
