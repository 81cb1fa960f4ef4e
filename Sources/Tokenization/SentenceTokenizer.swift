/// What cuts sentences for an encoder.
public protocol SentenceTokenizer: Sendable {
    /// The number of pieces.
    var count: Int { get }
    /// What goes around a sentence; nil where nothing does.
    var firstID: Int32? { get }
    var lastID: Int32? { get }
    /// What stands for a token that is to be filled in; nil where the vocabulary has no such piece.
    var maskID: Int32? { get }
    /// What goes around one text, and around and between two.
    var layout: SentenceLayout { get }
    /// The piece of an id, as the vocabulary spells it; nil outside the vocabulary.
    func piece(_ id: Int32) -> String?
    /// The ids of a sentence, without what goes around it.
    func encode(sentence: String) -> [Int32]
}
