import FormatKit

/// What the end of a Parquet file says of it (parquet-format, parquet.thrift): its columns, and where their pages are.
struct ParquetFooter {
    /// A column of values, as it stands in the schema.
    struct Column {
        /// From the outermost field to the value.
        let path: [String]
        let isBytes: Bool
        /// The level that a value has which is there.
        let mostDefinition: Int
        /// 1 for values in one list.
        let mostRepetition: Int
    }

    /// The pages of a column in one group of rows.
    struct Chunk {
        let codec: Int
        let valueCount: Int
        /// Of the pages in the file.
        let range: Range<Int>
    }

    let columns: [Column]
    /// [group of rows][column].
    let groups: [[Chunk]]

    static let mark = Array("PAR1".utf8)

    /// - Throws: `FormatError.malformed`.
    init(_ bytes: [UInt8], path: String) throws {
        func malformed(_ what: String) -> FormatError { FormatError.malformed(path, "", what) }
        guard bytes.count >= 12, bytes.suffix(4).elementsEqual(Self.mark) else {
            throw malformed("begins as a Parquet file and does not end as one: it is cut off, or encrypted")
        }
        let length = bytes.dropLast(4).suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= bytes.count - 12 else { throw malformed("has a footer of \(length) bytes, more than the file") }
        let end = bytes.count - 8
        var thrift = CompactThrift(bytes, end - length..<end, path: path)
        let footer = try thrift.structure()
        guard let schema = footer[2]?.list, let rowGroups = footer[4]?.list else { throw malformed("has a footer without a schema") }
        columns = try Self.columns(schema, bytes, path)
        let count = columns.count
        groups = try rowGroups.map { group in
            guard let chunks = group[1]?.list, chunks.count == count else { throw malformed("has a group of rows without all columns") }
            return try chunks.map { chunk in
                guard chunk[1] == nil else { throw malformed("has columns in other files") }
                guard let data = chunk[3], let codec = data[4]?.integer, let values = data[5]?.integer, let size = data[7]?.integer,
                    let pages = data[9]?.integer
                else { throw malformed("has a column without its place") }
                let start = data[11]?.integer.map { $0 > 0 ? min($0, pages) : pages } ?? pages
                guard start >= 4, size >= 0, size <= end - length, start <= end - length - size, values >= 0, values <= Int(Int32.max)
                else {
                    throw malformed("has a column outside of the file")
                }
                return Chunk(codec: codec, valueCount: values, range: start..<start + size)
            }
        }
    }

    /// The columns of a schema, which lists each field before those in it.
    private static func columns(_ schema: [ThriftValue], _ bytes: [UInt8], _ path: String) throws -> [Column] {
        let broken = FormatError.malformed(path, "", "has a schema whose fields do not add up")
        var (columns, next) = ([Column](), 0)
        func walk(_ above: [String], _ definition: Int, _ repetition: Int) throws {
            guard next < schema.count, above.count < 32 else { throw broken }
            let field = schema[next]
            next += 1
            var (definition, repetition, names) = (definition, repetition, above)
            if next > 1 {
                guard let name = field[4]?.range else { throw broken }
                names.append(String(decoding: bytes[name], as: UTF8.self))
                let kind = field[3]?.integer ?? 0
                definition += kind == 0 ? 0 : 1
                repetition += kind == 2 ? 1 : 0
            }
            guard let children = field[5]?.integer, children > 0 || next == 1 else {
                columns.append(
                    Column(path: names, isBytes: field[1]?.integer == 6, mostDefinition: definition, mostRepetition: repetition))
                return
            }
            guard (0...schema.count).contains(children) else { throw broken }
            for _ in 0..<children { try walk(names, definition, repetition) }
        }
        try walk([], 0, 0)
        guard next == schema.count else { throw broken }
        return columns
    }
}
