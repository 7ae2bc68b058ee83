import Notebooks
import Testing

@Suite struct CellTextsTests {
  private func text(_ texts: CellTexts, _ number: Int) -> String? {
    texts[number].map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func findsTheTextOfACellByItsNumber() {
    var texts = CellTexts(limit: 100)
    #expect(texts[1] == nil)
    for number in [1, 2, 5, 9] { texts.add(Array("cell \(number)".utf8), number: number) }
    texts.add([], number: 10)
    #expect([1, 2, 5, 9, 10].map { text(texts, $0) } == ["cell 1", "cell 2", "cell 5", "cell 9", ""])
    #expect([0, 3, 8, 11].allSatisfy { texts[$0] == nil })
  }

  @Test func forgetsTheOldestBeyondItsBound() {
    var texts = CellTexts(limit: 100)
    for number in 1...1000 {
      texts.add(Array("\(number)".utf8), number: number)
      #expect(
        text(texts, number) == "\(number)" && text(texts, max(1, number - 89)) == "\(max(1, number - 89))")
    }
    #expect(texts[800] == nil)
  }

  @Test func beginsAnewWithTheCount() {
    var texts = CellTexts(limit: 100)
    for number in 1...20 { texts.add(Array("old".utf8), number: number) }
    texts.add(Array("new".utf8), number: 1)
    #expect(text(texts, 1) == "new" && texts[2] == nil)
  }
}
