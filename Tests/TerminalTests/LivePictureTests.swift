import Terminal
import TestSupport
import Testing

@Suite struct LivePictureTests {
  @Test func theScreenShowsTheLastPicture() {
    var screen = ScreenModel(columns: 20, rows: 10)
    // The terminal's own driver makes two of a newline.
    func write(_ text: String) { screen.feed(text.replacing("\n", with: "\r\n")) }
    var live = LivePicture()
    for picture in [
      ["a", "b", "c"], ["a", "x", "c"], ["a"], ["1", "2", "3", "4"], ["1", "2", "3", "4"],
      [String(repeating: "=", count: 20), "2"],
    ] {
      write(live.update(picture))
      #expect(screen.text == picture.joined(separator: "\n"))
      #expect(screen.row == picture.count)
      #expect(!screen.modes.contains(25))
    }
    write(live.erase() + "text\n" + live.update(["new"]))
    #expect(screen.text == "text\nnew")
    write(live.finish())
    #expect(screen.modes.contains(25))
    #expect(live.finish() == "")
    #expect(screen.unknown == [])
  }

  @Test func whatDidNotChangeIsNotWrittenAgain() {
    var live = LivePicture()
    _ = live.update(["first", "second"])
    let text = live.update(["first", "other"])
    #expect(!text.contains("first") && text.contains("other"))
  }
}
