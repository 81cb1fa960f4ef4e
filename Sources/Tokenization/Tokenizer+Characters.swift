/// BPE over characters, with byte fallback: `.sentencePieceBPE` and `.mergesBPE`.
extension Tokenizer {
    func appendCharacterIDs(of text: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
        var symbols: [Symbol] = []
        symbols.reserveCapacity(text.count)
        var start = 0
        while start < text.count {
            let length = min(Tokenizer.characterLength(text[start]), text.count - start)
            let id = table.id(of: start..<(start + length), in: text) ?? -1
            let index = Int32(truncatingIfNeeded: symbols.count)
            symbols.append(Symbol(start: start, length: length, id: id, previous: index - 1, next: index + 1))
            start += length
        }
        guard !symbols.isEmpty else { return }
        symbols[symbols.count - 1].next = -1
        var unusedSplits: [Int32: Int] = [:]
        if let scoreRule {
            mergePairs(&symbols, in: text, by: scoreRule) { id, leftLength in
                if vocabulary.pieces[Int(id)].role == .unused { unusedSplits[id] = leftLength }
            }
        } else {
            mergePairs(&symbols, in: text, by: rankRule)
        }
        var unknownBefore = false
        for symbol in symbols where symbol.length > 0 {
            append(symbol.range, symbol.id, in: text, unusedSplits, &unknownBefore, to: &ids)
        }
    }

    /// Appends one symbol: its id; where the piece is unused, its parts; where there is none, bytes or unknown.
    private func append(
        _ range: Range<Int>, _ id: Int32, in text: UnsafeBufferPointer<UInt8>, _ unusedSplits: [Int32: Int],
        _ unknownBefore: inout Bool, to ids: inout [Int32]
    ) {
        if id >= 0, let length = unusedSplits[id], length < range.count {
            let middle = range.lowerBound + length
            for part in [range.lowerBound..<middle, middle..<range.upperBound] {
                append(part, table.id(of: part, in: text) ?? -1, in: text, unusedSplits, &unknownBefore, to: &ids)
            }
        } else if id >= 0 {
            ids.append(id)
            unknownBefore = false
        } else if vocabulary.byteFallback, range.allSatisfy({ byteIDs[Int(text[$0])] >= 0 }) {
            for i in range { ids.append(byteIDs[Int(text[i])]) }
            unknownBefore = false
        } else if let unknown = vocabulary.unknownID {
            // A run of unknown characters is one unknown token.
            if !unknownBefore { ids.append(unknown) }
            unknownBefore = true
        }
    }

    /// The bytes of a character of UTF-8 that begins with this one.
    static func characterLength(_ first: UInt8) -> Int {
        switch first {
        case 0xF0...: 4
        case 0xE0...: 3
        case 0xC0...: 2
        default: 1
        }
    }
}
