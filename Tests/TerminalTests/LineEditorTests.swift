import Foundation
import Glibc
import Terminal
import TestSupport
import Testing

@Suite(.serialized) struct LineEditorTests {
  private let up = "\u{1b}[A"
  private let down = "\u{1b}[B"
  private let left = "\u{1b}[D"

  @Test func readsACell() throws {
    let desk = try Desk()
    let result = try desk.read(
      keys("x = 1日é"),
      sees("[1]> x = 1日é"),
      keys("\r"))
    #expect(result == .cell("x = 1日é"))
    #expect(desk.screen.text == "[1]> x = 1日é")
    #expect((desk.screen.row, desk.screen.column) == (1, 0))
    #expect(!desk.screen.modes.contains(2004))
  }

  @Test func goesOnWithAnIncompleteCell() throws {
    let desk = try Desk()
    let result = try desk.read(
      keys("while x do\r"),
      sees("[1]> while x do\n   >"),
      keys("  y()\u{1b}\r"),
      keys("end\r"))
    #expect(result == .cell("while x do\n  y()\nend"))
    #expect(desk.screen.text == "[1]> while x do\n   >   y()\n   > end")
  }

  @Test(arguments: [
    ("abc\u{1}X\r", "Xabc"), ("abc\u{1b}[D\u{1b}[DX\r", "aXbc"), ("abc\u{7f}\r", "ab"),
    ("abc\u{1}\u{4}\r", "bc"),
    ("a\u{1b}\rb\u{1}X\r", "a\nXb"), ("a\u{1b}\rb\u{1b}[AX\r", "aX\nb"), ("abc\u{1}\u{b}\r", ""),
    ("ab\u{1b}\rcd\u{1b}[A\u{1}\u{b}Z\r", "Z\ncd"), ("ab\u{1b}\rcd\u{1b}[A\u{1}\u{b}\u{b}\r", "cd"),
    ("one two\u{17}\r", "one "), ("日本\u{7f}\r", "日"), ("ab\u{1b}[3~\u{1b}[HX\r", "Xab"),
  ])
  func editsWithTheKeysOfEmacs(typed: String, cell: String) throws {
    let desk = try Desk()
    #expect(try desk.read(isComplete: { _ in true }, keys(typed)) == .cell(cell))
  }

  /// On a terminal that draws joined emoji as one, and on one that does not.
  @Test(arguments: [false, true])
  func aJoinedEmojiIsOneCharacter(joins: Bool) throws {
    let desk = try Desk(joinsEmoji: joins)
    let result = try desk.read(
      isComplete: { _ in true }, paste("c = \"x👩‍🌾y\""),
      look { #expect($0.screen.column == 15) },
      keys(left + left),
      look {
        #expect($0.screen.column == 13)
        #expect($0.screen.lastRow.hasSuffix("y\""))
      },
      keys("\u{7f}"), sees("[1]> c = \"xy\""),
      keys("\u{5}"), look { #expect($0.screen.column == 13) }, keys("\r"))
    #expect(result == .cell("c = \"xy\""))
  }

  @Test(arguments: [
    // Deleted from behind, from the front, by Ctrl-D, moved over, typed in pieces.
    ("a👩‍👩‍👧b\u{1b}[D\u{7f}\r", "ab"), ("a👍🏽b\u{1}\u{1b}[C\u{1b}[3~\r", "ab"), ("e\u{301}x\u{1}\u{4}\r", "x"),
    ("xe\u{301}\u{8}\r", "x"), ("a🇩🇪🇫🇷\u{1b}[DX\r", "a🇩🇪X🇫🇷"), ("a🇩🇪🇫🇷\u{7f}\r", "a🇩🇪"),
    ("❤️!\u{1b}[D\u{1b}[DX\r", "X❤️!"), ("👩‍🌾👩‍🌾\u{1}\u{6}X\r", "👩‍🌾X👩‍🌾"), ("한\u{7f}\r", ""),
    ("ab\u{1b}[D\u{7f}\r", "b"), ("日本\u{1b}[DX\u{4}\r", "日X"), ("e\u{1b}\r\u{301}\u{7f}\r", "e\n"),
    ("a👩‍🌾\u{1b}\rbc\u{1b}[A\u{1b}[CX\r", "a👩‍🌾X\nbc"),
  ])
  func keysTakeWholeClusters(typed: String, cell: String) throws {
    for joins in [false, true] {
      let desk = try Desk(joinsEmoji: joins)
      #expect(
        try desk.read(isComplete: { _ in true }, keys(typed)) == .cell(cell), "\(typed.debugDescription)")
    }
  }

  @Test func aClusterIsTypedPieceByPiece() throws {
    let desk = try Desk(joinsEmoji: true)
    let steps = ["👩", "\u{200d}", "🌾", "!", left, left, "e", "\u{301}", "\r"].map { keys($0) }
    #expect(try desk.read(isComplete: { _ in true }, steps: steps) == .cell("e\u{301}👩‍🌾!"))
  }

  @Test func theKeysOfViTakeWholeClusters() throws {
    let editrc = NSTemporaryDirectory() + "moontide-editrc-\(UInt32.random(in: 0 ... .max))"
    try "bind -v\n".write(toFile: editrc, atomically: true, encoding: .utf8)
    defer { unlink(editrc) }
    let desk = try Desk(editrc: editrc)
    let result = try desk.read(
      isComplete: { _ in true }, keys("a👩‍🌾b"), keys("\u{1b}"), keys("h"), keys("x"), keys("\r"))
    #expect(result == .cell("ab"))
  }

  @Test func movesAcrossLines() throws {
    let desk = try Desk(columns: 20, rows: 6)
    let result = try desk.read(
      isComplete: { _ in true },
      keys("日本語 first\u{1b}\rab\u{1b}\rthird line"), keys(up + up),
      look {
        // As far to the right as the shorter lines above let it be.
        #expect(($0.screen.row, $0.screen.column) == (0, 7))
      },
      keys("!" + down + down + "?\r"))
    #expect(result == .cell("日!本語 first\nab\nth?ird line"))
  }

  @Test func walksWholeCellsThatBeginAsTyped() throws {
    let desk = try Desk(history: ["for i=1,2 do\n  f(i)\nend", "print(1)", "fox()", "print(2)"])
    let recalled = try desk.read(
      keys(up), sees("[1]> print(2)"),
      keys(down), sees("[1]>"),
      keys("fo" + up), sees("[1]> fox()"),
      keys(up), sees("[1]> for i=1,2 do\n   >   f(i)\n   > end"),
      keys(up), keys(up), keys("\u{1}\u{1}\u{1}-- \r"))
    #expect(recalled == .cell("-- for i=1,2 do\n  f(i)\nend"))
    #expect(try desk.read(keys("p" + up + up + down + "\r")) == .cell("print(2)"))
    #expect(try desk.read(keys("zz" + up + "\r")) == .cell("zz"))
    #expect(desk.screen.bells > 0)
  }

  @Test func searchesWhileTyping() throws {
    let desk = try Desk(history: ["s:read(1)", "print(s)", "s:read(2)", "x = 日本"])
    let result = try desk.read(
      keys("dra\u{12}read"), sees("[1]> s:read(2)\nsearch: read_"),
      { desk in
        desk.writer.print("a task prints\n")
        desk.writer.flush()
        return nil
      },
      sees("a task prints\n[1]> s:read(2)\nsearch: read_"),
      keys("\u{12}"), finds("[1]> s:read(1)"),
      keys("\u{12}"), finds("no such cell: read_"),
      keys("\u{7f}\u{7f}\u{7f}\u{7f}日"), finds("[1]> x = 日本"),
      keys("\u{5}!\r"))
    #expect(result == .cell("x = 日本!"))
    #expect(try desk.read(keys("keep\u{12}read\u{7}\r")) == .cell("keep"))
    #expect(try desk.read(keys("\u{12}print\r")) == .cell("print(s)"))
  }

  @Test func takesAPasteAsOneCellAndDoesNotRunIt() throws {
    let desk = try Desk(rows: 6)
    let text = (1...50).map { "\tprint(\($0)) -- 日" }.joined(separator: "\n")
    let result = try desk.read(
      isComplete: { _ in true }, keys("a"), paste(text),
      look {
        #expect($0.screen.modes.contains(2004))
        #expect($0.screen.rows[5] == "   >         print(50) -- 日")
      },
      keys("\r"))
    #expect(result == .cell("a" + text))
    #expect(desk.screen.history.split(separator: "\n").count == 50)
    #expect(try desk.read(paste("x\u{1b}[20z"), keys("\r")) == .cell("x\u{1b}[20z"))
  }

  @Test func completesWhatAllCandidatesShareAndListsThem() throws {
    let desk = try Desk()
    desk.editor.complete = { text, cursor in
      let start = text.lastIndex(of: " ").map { text.distance(from: text.startIndex, to: $0) + 1 } ?? 0
      let word = String(text.dropFirst(start).prefix(cursor - start))
      let names = ["string.rep", "string.reverse", "日本"].filter { $0.hasPrefix(word) }
      return Completion(range: start..<cursor, candidates: names.map { .init($0) }, suffix: "(")
    }
    let result = try desk.read(
      keys("= s\t"), sees("[1]> = string.re"),
      keys("\t"), sees("string.rep      string.reverse\n[1]> = string.re"),
      keys("p\t"), finds("[1]> = string.rep("),
      keys(" 日\t\r"))
    #expect(result == .cell("= string.rep( 日本("))
    #expect(try desk.read(isComplete: { _ in true }, keys("\tx\u{1b}\r\ty\r")) == .cell("  x\n  y"))
  }

  @Test func dropsTheInputOnAnInterrupt() throws {
    let desk = try Desk()
    #expect(try desk.read(keys("while true do\rx"), { _ in .interrupted }) == .interrupted)
    #expect(desk.screen.text == "[1]> while true do\n   > x^C")
    #expect(try desk.read(keys("\u{12}x"), { _ in .interrupted }) == .interrupted)
    #expect(try desk.read(keys("y\r")) == .cell("y"))
  }

  @Test func endsAtControlDOnAnEmptyLineOnly() throws {
    let desk = try Desk()
    #expect(try desk.read(keys("a\u{4}\u{1}\u{4}"), keys("\u{4}")) == .endOfFile)
    #expect(try desk.read({ _ in .closed }) == .endOfFile)
  }

  @Test func keepsTheLineWholeBelowOutput() throws {
    let desk = try Desk(columns: 20, rows: 8)
    let typed = "print('日本語 wraps over two')"
    var lines: [String] = []
    var script: [Desk.Step] = []
    for (index, character) in typed.enumerated() {
      script.append(keys(String(character)))
      script.append(
        look { desk in
          desk.writer.print("tick \(index)\n")
          lines.append("tick \(index)")
          desk.time += .milliseconds(20)
          desk.writer.flushIfDue()
          let edited = String(typed.prefix(index + 1))
          var expected = ScreenModel(columns: 20, rows: 8)
          expected.feed("[1]> " + edited)
          let history = desk.screen.history
          #expect(history == lines.joined(separator: "\n") + "\n" + expected.history)
          #expect(desk.screen.column == expected.column || desk.screen.column == 0)
        })
    }
    script.append(keys("\r"))
    var remaining = script[...]
    func next(_ desk: Desk) throws -> WaitResult? {
      guard let step = remaining.popFirst() else { return .closed }
      return try step(desk)
    }
    let result = try desk.read(
      isComplete: { _ in true }, steps: Array(repeating: next, count: script.count))
    #expect(result == .cell(typed))
  }

  @Test func drawsAnewAtAnotherSize() throws {
    let desk = try Desk(columns: 30, rows: 8)
    _ = TerminalSignals.install()
    func resize(_ columns: Int) -> Desk.Step {
      { desk in
        desk.terminal.resize(columns: columns, rows: 8)
        desk.writer.resized()
        return nil
      }
    }
    desk.writer.print("before\n")
    let result = try desk.read(
      keys("abcdefghijklmnopqrstuvwxyz\u{1b}\r日本"),
      sees("before\n[1]> abcdefghijklmnopqrstuvwxy\nz\n   > 日本"),
      resize(15), sees("before\n[1]> abcdefghij\nklmnopqrstuvwxy\nz\n   > 日本"),
      resize(50), sees("before\n[1]> abcdefghijklmnopqrstuvwxyz\n   > 日本"),
      keys("!\r"))
    #expect(result == .cell("abcdefghijklmnopqrstuvwxyz\n日本!"))
  }

  @Test func asksThePromptAnewWhenTold() throws {
    let desk = try Desk()
    let result = try desk.read(
      keys("x"),
      look { desk in
        desk.prompt = "[1] 2~> "
        desk.editor.refreshPrompt()
        desk.time += .milliseconds(20)
        desk.writer.flushIfDue()
        #expect(desk.screen.text == "[1] 2~> x")
        desk.writer.clearScreen()
        #expect(desk.screen.row == 0)
      }, keys("\r"))
    #expect(result == .cell("x"))
  }

  @Test func showsTypeAheadOnceAtItsPrompt() throws {
    let desk = try Desk()
    #expect(try desk.read(keys("first\rsecond\rthi")) == .cell("first"))
    desk.terminal.send("rd")
    #expect(desk.screen.text == "[1]> first")
    #expect(try desk.read() == .cell("second"))
    desk.terminal.send("!\r")
    #expect(try desk.read() == .cell("third!"))
    #expect(desk.screen.text == "[1]> first\n[1]> second\n[1]> third!")
  }

  @Test func editsWhatItWasGiven() throws {
    let desk = try Desk()
    #expect(try desk.read(prefill: "a\nb", isComplete: { _ in true }, keys(up + "1\r")) == .cell("a1\nb"))
  }

  @Test func lendsTheTerminalAsItWasFound() throws {
    let desk = try Desk()
    #expect(!desk.terminal.echoes)
    let result = try desk.read(
      keys("ab"),
      look { desk in
        desk.editor.withTerminalReleased {
          #expect(desk.terminal.echoes)
          #expect(desk.screen.text.isEmpty)
        }
        #expect(!desk.terminal.echoes)
      }, keys("c\r"))
    #expect(result == .cell("abc"))
    let last = try desk.read(
      keys("half"),
      look { desk in
        desk.editor.leave()
        #expect(desk.terminal.echoes)
        #expect(!desk.screen.modes.contains(2004))
        #expect(desk.screen.text == "[1]> abc\n[1]> half")
        #expect(desk.screen.row == 2)
      }, { _ in .closed })
    #expect(last == .endOfFile)
    desk.editor.close()
    #expect(desk.terminal.echoes)
  }

  @Test func obeysEditrcAndKeepsItsOwnKeysInVi() throws {
    let path = "/tmp/moontide-editrc-\(getpid())"
    defer { unlink(path) }
    func write(_ text: String) {
      let file = fopen(path, "w")
      fputs(text, file)
      fclose(file)
    }
    write("bind ^T ed-move-to-beg\n")
    #expect(try Desk(editrc: path).read(keys("ab\u{14}X\r")) == .cell("Xab"))
    write("bind -v\n")
    let vi = try Desk(history: ["old"], editrc: path)
    #expect(try vi.read(keys("abc\u{1b}0iX\r")) == .cell("Xabc"))
    #expect(try vi.read(paste("p\nq"), keys("\r")) == .cell("p\nq"))
    #expect(try vi.read(keys("\u{1b}k\r")) == .cell("old"))
  }

  @Test func readsBrokenCharactersAsReplacements() throws {
    let desk = try Desk()
    let result = try desk.read(
      { desk in
        desk.terminal.send([0x61, 0xff, 0xe6, 0x97, 0x62])
        return nil
      }, keys("\r"))
    #expect(result == .cell("a\u{fffd}\u{fffd}b"))
  }
}
