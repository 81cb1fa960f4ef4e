/// The ids of the words met so far in one text.
struct WordCache {
    var ids: [[UInt8]: [Int32]] = [:]
    /// Words above this number are not kept.
    static let capacity = 1 << 16
}

/// BPE over bytes, word by word: `.byteLevelBPE`.
extension Tokenizer {
    func appendWordIDs(of text: UnsafeBufferPointer<UInt8>, _ words: inout WordCache, to ids: inout [Int32]) {
        guard let preTokenizer = vocabulary.preTokenizer else { return }
        let scalars = Array(String(decoding: text, as: UTF8.self).unicodeScalars)
        preTokenizer.forEachWord(of: scalars) { word in
            if let known = words.ids[word] {
                ids.append(contentsOf: known)
                return
            }
            let wordIDs = self.ids(ofWord: word)
            if words.ids.count < WordCache.capacity { words.ids[word] = wordIDs }
            ids.append(contentsOf: wordIDs)
        }
    }

    private func ids(ofWord word: [UInt8]) -> [Int32] {
        if vocabulary.ignoresMerges {
            var spelling = String.UnicodeScalarView()
            for byte in word { spelling.append(ByteLevelAlphabet.characters[Int(byte)]) }
            if let id = table.id(of: String(spelling)) { return [id] }
        }
        var symbols: [Symbol] = []
        for (i, byte) in word.enumerated() {
            // A byte without a piece is unknown, or dropped where nothing is.
            let id = byteIDs[Int(byte)] >= 0 ? byteIDs[Int(byte)] : vocabulary.unknownID ?? -1
            guard id >= 0 else { continue }
            let index = Int32(truncatingIfNeeded: symbols.count)
            symbols.append(Symbol(start: i, length: 1, id: id, previous: index - 1, next: index + 1))
        }
        guard !symbols.isEmpty else { return [] }
        symbols[symbols.count - 1].next = -1
        word.withUnsafeBufferPointer { mergePairs(&symbols, in: $0, by: rankRule) }
        return symbols.filter { $0.length > 0 }.map(\.id)
    }
}
