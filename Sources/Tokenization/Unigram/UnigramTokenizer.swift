/// SentencePiece's unigram model (Kudo 2018): of all ways to cut a text into pieces the one whose scores sum to the most.
///
/// A value without mutable state: the same text always gives the same ids, from any thread.
public struct UnigramTokenizer: SentenceTokenizer, Sendable {
    /// Where the ▁ that stands for a space is put beyond the spaces of the text, and where that cuts.
    struct Spaces: Sendable, Equatable {
        var prefix = Vocabulary.SpacePrefix.everySegment
        /// Whether a text that begins with a space gets another.
        var prefixesSpace = false
        /// Whether words are cut apart before they are cut into pieces.
        var cutsWords = true
        /// Whether white space only separates words, each of which gets its ▁.
        var dropsWhiteSpace = false
    }

    public let pieces: [Piece]
    public let unknownID: Int32
    public let firstID: Int32?
    public let lastID: Int32?
    public let maskID: Int32?
    public internal(set) var layout: SentenceLayout
    let steps: [TextStep]
    let spaces: Spaces
    private let special: SpecialTokenMatcher
    private let table: PieceTable
    /// The piece of each byte, where bytes stand for what has no piece; empty otherwise.
    let byteIDs: [Int32]
    private let longestPiece: Int
    private let unknownScore: Double
    private let bestScore: Double
    /// Whether it does as SentencePiece itself: sums in single precision, and user-defined pieces found among the others; else as the
    /// tokenizers library, which cuts them out first.
    private let isSentencePiece: Bool

    /// What is lost by an unknown character, beyond the worst piece.
    private static let unknownPenalty = 10.0
    /// Bytes of a piece, which every place of a text is compared with.
    private static let longestPieceAllowed = 4096

    /// - Throws: `TokenizationError.inconsistent` where ids lie outside the pieces, or a score is not finite.
    init(
        pieces: [Piece], unknownID: Int32, around: (first: Int32?, last: Int32?), steps: [TextStep], spaces: Spaces, byteFallback: Bool,
        isSentencePiece: Bool
    ) throws {
        guard !pieces.isEmpty, pieces.count <= Vocabulary.maximumCount else {
            throw TokenizationError.inconsistent(location: "vocabulary", reason: "\(pieces.count) pieces")
        }
        for id in [unknownID, around.first, around.last].compactMap({ $0 }) where !pieces.indices.contains(Int(id)) {
            throw TokenizationError.inconsistent(location: "vocabulary", reason: "id \(id) is outside the \(pieces.count) pieces")
        }
        for (id, piece) in pieces.enumerated() where !piece.score.isFinite {
            throw TokenizationError.inconsistent(location: "vocabulary: piece \(id)", reason: "its score is not finite")
        }
        longestPiece = pieces.lazy.filter { $0.role == .normal || $0.role == .userDefined }.map(\.text.utf8.count).max() ?? 0
        guard longestPiece <= UnigramTokenizer.longestPieceAllowed else {
            throw TokenizationError.inconsistent(location: "vocabulary", reason: "a piece of \(longestPiece) bytes")
        }
        self.pieces = pieces
        self.unknownID = unknownID
        self.steps = steps
        self.spaces = spaces
        self.isSentencePiece = isSentencePiece
        (firstID, lastID) = around
        layout = SentenceLayout(first: around.first, last: around.last)
        maskID = pieces.firstIndex { $0.text == "[MASK]" || $0.text == "<mask>" }.map(Int32.init)
        table = PieceTable(pieces) { $0.role == .normal || $0.role == .userDefined }
        special = SpecialTokenMatcher(pieces, space: [UInt8(ascii: " ")]) { $0.role == .userDefined ? Array($0.text.utf8) : nil }
        let scores = pieces.lazy.filter { !isSentencePiece || $0.role == .normal }.map(\.score)
        let worst = scores.min() ?? 0
        bestScore = Double(scores.max() ?? 0)
        unknownScore = Double(worst) - UnigramTokenizer.unknownPenalty
        var bytes = [Int32](repeating: -1, count: 256)
        for (id, piece) in pieces.enumerated() {
            if let byte = piece.byteValue { bytes[Int(byte)] = Int32(id) }
        }
        byteIDs = byteFallback && !bytes.contains(-1) ? bytes : []
    }

    public var count: Int { pieces.count }

    public func piece(_ id: Int32) -> String? { pieces.indices.contains(Int(id)) ? pieces[Int(id)].text : nil }

    public func encode(sentence: String) -> [Int32] {
        if isSentencePiece { return encodeWhole(Array(sentence.utf8)) }
        var ids: [Int32] = []
        Array(sentence.utf8).withUnsafeBufferPointer { text in
            for (index, segment) in special.segments(of: text).enumerated() {
                switch segment.content {
                case .token(let id): ids.append(id)
                case .text: append(Array(text[segment.range]), isFirst: index == 0, to: &ids)
                }
            }
        }
        return ids
    }

    /// The ids of a text with what goes around it.
    public func encode(_ text: String) -> [Int32] {
        [firstID].compactMap { $0 } + encode(sentence: text) + [lastID].compactMap { $0 }
    }

    /// User-defined pieces stay as they are; what is done to spaces is done to the whole.
    private func encodeWhole(_ sentence: [UInt8]) -> [Int32] {
        var text: [UInt8] = []
        sentence.withUnsafeBufferPointer { bytes in
            for segment in special.segments(of: bytes) {
                var part = Array(bytes[segment.range])
                if case .text = segment.content {
                    for case .map(let map) in steps { part = map.longestMatches(part) }
                }
                text += part
            }
        }
        if steps.contains(.dropExtraSpaces) { text = TextStep.dropExtraSpaces.apply(to: text) }
        var ids: [Int32] = []
        for word in words(text, isFirst: true) { word.withUnsafeBufferPointer { appendPieces(of: $0, to: &ids) } }
        return ids
    }

    private func append(_ segment: [UInt8], isFirst: Bool, to ids: inout [Int32]) {
        let text = steps.reduce(segment) { $1.apply(to: $0) }
        for word in words(text, isFirst: isFirst) { word.withUnsafeBufferPointer { appendPieces(of: $0, to: &ids) } }
    }

    /// The text in the parts that are cut by themselves, with ▁ for spaces.
    private func words(_ text: [UInt8], isFirst: Bool) -> [[UInt8]] {
        let space = Array("\u{2581}".utf8)
        let hasPrefix = spaces.prefix == .everySegment || isFirst && spaces.prefix != .never
        func prefixed(_ text: [UInt8]) -> [UInt8] {
            let escaped = Tokenizer.escaped(text, spaces: true)
            guard hasPrefix, !escaped.isEmpty, spaces.prefixesSpace || !escaped.starts(with: space) else { return escaped }
            return space + escaped
        }
        if spaces.dropsWhiteSpace {
            let scalars = Array(String(decoding: text, as: UTF8.self).unicodeScalars)
            return scalars.split { $0.properties.isWhitespace }.map { prefixed($0.flatMap { Array(UTF8.encode($0) ?? .init()) }) }
        }
        let whole = prefixed(text)
        guard spaces.cutsWords else { return whole.isEmpty ? [] : [whole] }
        var words: [[UInt8]] = []
        var start = 0
        for position in whole.indices where position > start && whole[position...].starts(with: space) {
            words.append(Array(whole[start..<position]))
            start = position
        }
        return whole.isEmpty ? [] : words + [Array(whole[start...])]
    }

    /// Viterbi's algorithm over the places between characters; among equal sums the one that was found first.
    private func appendPieces(of text: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
        var best = [(sum: Double, start: Int, id: Int32)](repeating: (0, -1, -1), count: text.count + 1)
        func offer(_ start: Int, _ end: Int, _ score: Double, _ id: Int32) {
            var sum = best[start].sum + score
            if isSentencePiece { sum = Double(Float(sum)) }
            if best[end].start < 0 || sum > best[end].sum { best[end] = (sum, start, id) }
        }
        var start = 0
        while start < text.count {
            let length = min(Tokenizer.characterLength(text[start]), text.count - start)
            var end = start
            var hasCharacter = false
            while end < text.count, end - start < longestPiece {
                end = min(end + Tokenizer.characterLength(text[end]), text.count)
                guard let id = table.id(of: start..<end, in: text) else { continue }
                // What a user defines is preferred to all that it could be cut into.
                let isDefined = isSentencePiece && pieces[Int(id)].role == .userDefined
                offer(start, end, isDefined ? Double(end - start) * bestScore - 0.1 : Double(pieces[Int(id)].score), id)
                if end == start + length { hasCharacter = true }
            }
            if !hasCharacter { offer(start, start + length, unknownScore, -1) }
            start += length
        }
        var path: [(range: Range<Int>, id: Int32)] = []
        var end = text.count
        while end > 0 {
            path.append((best[end].start..<end, best[end].id))
            end = best[end].start
        }
        var follows = false
        for (range, id) in path.reversed() {
            if id >= 0 {
                ids.append(id)
            } else if !byteIDs.isEmpty {
                for position in range { ids.append(byteIDs[Int(text[position])]) }
            } else if !follows {
                // A run of unknown characters is one unknown token.
                ids.append(unknownID)
            }
            follows = id < 0 && byteIDs.isEmpty
        }
    }
}
