import PassKit
import Tokenization

/// Token sequences of one text or file, each scored by itself.
public struct TokenSequences {
    public let sequences: [[Int32]]

    public init(_ sequences: [[Int32]]) { self.sequences = sequences }

    /// Tokens that have others before them in their sequence: what a loss is taken over.
    public var scoredTokenCount: Int { sequences.reduce(0) { $0 + max($1.count - 1, 0) } }

    /// The whole windows of `length` tokens of a token stream, one after the other without overlap; the rest is dropped. A stream
    /// shorter than one window is one sequence.
    ///
    /// - Throws: `CalibrationError.emptyText` for fewer than two tokens.
    public init(stream: [Int32], windowLength length: Int) throws {
        guard stream.count >= 2 else { throw CalibrationError.emptyText }
        if stream.count < length {
            sequences = [stream]
            return
        }
        sequences = stride(from: 0, through: stream.count - length, by: length).map { Array(stream[$0..<$0 + length]) }
    }

    /// Each line of text that is not blank as a sequence with the tokens that go around it, cut off after `longest` tokens in all.
    public init(sentences text: String, _ tokenizer: any SentenceTokenizer, longest: Int) {
        let around = (tokenizer.firstID == nil ? 0 : 1) + (tokenizer.lastID == nil ? 0 : 1)
        sequences = text.split { $0.isNewline }.filter { $0.contains { !$0.isWhitespace } }.map { line in
            let words = tokenizer.encode(sentence: String(line)).prefix(max(longest - around, 0))
            return [tokenizer.firstID].compactMap { $0 } + words + [tokenizer.lastID].compactMap { $0 }
        }
    }

    /// `count` of the sequences at even distances; all of them when there are no more.
    public func evenlySpaced(_ count: Int) -> TokenSequences {
        guard count < sequences.count else { return self }
        return TokenSequences((0..<count).map { sequences[$0 * sequences.count / count] })
    }

    /// What `evenlySpaced` leaves over.
    public func without(evenlySpaced count: Int) -> TokenSequences {
        guard count < sequences.count else { return TokenSequences([]) }
        let taken = Set((0..<count).map { $0 * sequences.count / count })
        return TokenSequences(sequences.indices.filter { !taken.contains($0) }.map { sequences[$0] })
    }
}

public enum CalibrationError: Error, CustomStringConvertible {
    case emptyText
    case tooFewSequences(found: Int, needed: Int)
    /// A model that a pass wants to learn of and that was not opened.
    case unknownTeacher(String)

    public var description: String {
        switch self {
        case .emptyText: return "the text has fewer than two tokens; nothing can be scored"
        case .tooFewSequences(let found, let needed):
            return "the calibration text gives \(found) sequences, at least \(needed) are needed"
        case .unknownTeacher(let path): return "\(path): no model is read from there; only teacher=original goes here"
        }
    }
}
