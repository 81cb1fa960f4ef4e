import FormatKit

/// Reads the values of a column of bytes, page by page.
struct ParquetColumn {
    /// Of a value or of its absence.
    struct Entry {
        /// 0 where a row begins.
        let repetition: Int
        /// Nil for a null, or an empty list.
        let text: String?
        /// How much of the path to the value is there.
        let definition: Int
    }

    let bytes: [UInt8]
    let column: ParquetFooter.Column
    let path: String

    /// Of a group of rows: a page of a few bytes may say that it has as many empty ones as it likes.
    private static let mostValues = 1 << 23

    private var place: String { "column '\(column.path.joined(separator: "."))'" }
    private var broken: FormatError { FormatError.malformed(path, place, "has a page that is not what it says") }

    /// What a page is made of once it is not compressed.
    private struct Page {
        let count: Int
        let encoding: Int
        /// Levels have lengths of their own before them in pages of the first kind.
        var levels: (repetition: ArraySlice<UInt8>, definition: ArraySlice<UInt8>)?
        var body: ArraySlice<UInt8>
    }

    /// Takes the entries of a chunk.
    ///
    /// - Parameter room: bytes of text that may be made, less those that are.
    /// - Throws: `FormatError.malformed` for pages that are broken, of kinds that are not read, or too much.
    func read(_ chunk: ParquetFooter.Chunk, room: inout Int, _ take: (Entry) throws -> Void) throws {
        guard chunk.valueCount <= Self.mostValues else {
            throw FormatError.malformed(
                path, place, "has \(chunk.valueCount) values in a group of rows, at most \(Self.mostValues) are taken")
        }
        var (next, seen) = (chunk.range.lowerBound, 0)
        var dictionary: [ArraySlice<UInt8>]?
        while seen < chunk.valueCount {
            var thrift = CompactThrift(bytes, next..<chunk.range.upperBound, path: path)
            let head = try thrift.structure()
            guard let kind = head[1]?.integer, let size = head[2]?.integer, let stored = head[3]?.integer, stored >= 0,
                stored <= chunk.range.upperBound - thrift.place, size >= 0
            else { throw broken }
            let data = bytes[thrift.place..<thrift.place + stored]
            next = data.endIndex
            switch kind {
            case 2:
                guard let count = head[7]?[1]?.integer, count >= 0, dictionary == nil else { throw broken }
                var body = ParquetEncodings(try expanded(data, size, chunk.codec, &room))
                dictionary = try body.plain(count: count).orThrow(broken)
            case 0:
                guard let header = head[5], let count = header[1]?.integer, let encoding = header[2]?.integer,
                    (header[3]?.integer ?? 3) == 3 || column.mostDefinition == 0,
                    (header[4]?.integer ?? 3) == 3 || column.mostRepetition == 0
                else { throw broken }
                let body = try expanded(data, size, chunk.codec, &room)
                try entries(Page(count: count, encoding: encoding, body: body), dictionary, chunk.valueCount - seen, &room, take)
                seen += count
            case 3:
                guard let header = head[8], let count = header[1]?.integer, let encoding = header[4]?.integer,
                    let definition = header[5]?.integer, let repetition = header[6]?.integer, definition >= 0, repetition >= 0,
                    definition <= data.count, repetition <= data.count - definition, definition + repetition <= size
                else { throw broken }
                let levels = (data.prefix(repetition), data.dropFirst(repetition).prefix(definition))
                let rest = data.dropFirst(repetition + definition)
                let isCompressed = header[7]?.integer != 0
                let body = try expanded(rest, size - repetition - definition, isCompressed ? chunk.codec : 0, &room)
                let page = Page(count: count, encoding: encoding, levels: levels, body: body)
                try entries(page, dictionary, chunk.valueCount - seen, &room, take)
                seen += count
            default: continue
            }
        }
    }

    private func expanded(_ data: ArraySlice<UInt8>, _ size: Int, _ codec: Int, _ room: inout Int) throws -> ArraySlice<UInt8> {
        guard size <= room else { throw FormatError.malformed(path, place, "is too long: no more than \(room) bytes of text are taken") }
        func whole(_ made: [UInt8]?) throws -> ArraySlice<UInt8> {
            guard let made, made.count == size else { throw broken }
            return made[...]
        }
        switch codec {
        case 0:
            guard data.count == size else { throw broken }
            return data
        // Snappy makes at most 64 bytes of three.
        case 1: return try whole(size / 64 <= data.count ? Snappy.expanded(data, count: size) : nil)
        case 2, 6:
            return size == 0 ? [] : try whole(CompressedText.expanded(Array(data), limit: size, path))
        default:
            let name = [3: "LZO", 4: "Brotli", 5: "LZ4", 7: "LZ4"][codec] ?? "codec \(codec)"
            throw FormatError.malformed(path, place, "is compressed by \(name), which is not read; Snappy, gzip and zstd are")
        }
    }

    private func entries(
        _ page: Page, _ dictionary: [ArraySlice<UInt8>]?, _ most: Int, _ room: inout Int, _ take: (Entry) throws -> Void
    ) throws {
        guard page.count >= 0, page.count <= most else { throw broken }
        var body = ParquetEncodings(page.body)
        func levels(_ greatest: Int, _ given: ArraySlice<UInt8>?) throws -> [Int] {
            guard greatest > 0 else { return [Int](repeating: 0, count: page.count) }
            var reader: ParquetEncodings
            if let given {
                reader = ParquetEncodings(given)
            } else {
                guard let length = body.littleEndian(4), let bytes = body.take(length) else { throw broken }
                reader = ParquetEncodings(bytes)
            }
            let width = Int.bitWidth - greatest.leadingZeroBitCount
            guard let found = reader.hybrid(width: width, count: page.count), found.allSatisfy({ $0 <= greatest }) else { throw broken }
            return found
        }
        let repetitions = try levels(column.mostRepetition, page.levels?.repetition)
        let definitions = try levels(column.mostDefinition, page.levels?.definition)
        let present = column.mostDefinition == 0 ? page.count : definitions.count { $0 == column.mostDefinition }
        let values = try self.values(&body, present, page.encoding, dictionary, room)
        var next = 0
        for index in 0..<page.count {
            var text: String?
            // An empty text is something, too.
            room -= 1
            if definitions[index] == column.mostDefinition {
                let bytes = values[next]
                next += 1
                room -= bytes.count
                guard let valid = String(validating: bytes, as: UTF8.self) else {
                    throw FormatError.malformed(path, place, "is not UTF-8 text")
                }
                text = valid
            }
            guard room >= 0 else { throw FormatError.malformed(path, place, "is too long: that much text is not taken") }
            try take(Entry(repetition: repetitions[index], text: text, definition: definitions[index]))
        }
    }

    private func values(
        _ body: inout ParquetEncodings, _ count: Int, _ encoding: Int, _ dictionary: [ArraySlice<UInt8>]?, _ room: Int
    ) throws -> [ArraySlice<UInt8>] {
        switch encoding {
        case 0: return try body.plain(count: count).orThrow(broken)
        case 2, 8:
            if count == 0 { return [] }
            guard let dictionary, let width = body.littleEndian(1), let indices = body.hybrid(width: width, count: count),
                indices.allSatisfy(dictionary.indices.contains)
            else { throw broken }
            return indices.map { dictionary[$0] }
        case 6: return try body.deltaLength(count: count).orThrow(broken)
        case 7: return try body.deltaPrefix(count: count, limit: room).orThrow(broken)
        default: throw FormatError.malformed(path, place, "has values of encoding \(encoding), which is not read")
        }
    }
}

extension Optional {
    fileprivate func orThrow(_ error: FormatError) throws -> Wrapped {
        guard let self else { throw error }
        return self
    }
}
