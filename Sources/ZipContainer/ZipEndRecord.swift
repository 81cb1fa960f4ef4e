import FormatKit

/// The end of the central directory: how many members there are and where the directory lies.
struct ZipEndRecord {
    let count: Int
    let directoryOffset: Int
    let directoryEnd: Int

    private static let byteCount = 22
    private static let locatorBytes = 20
    private static let maximumComment = 0xFFFF
    private static let entryBytes = 46

    /// - Throws: `FormatError.malformed` when there is no record that ends with the file or it points outside.
    init(_ file: UnsafeRawBufferPointer, path: String) throws {
        let object = "end of directory"
        let position = try ZipEndRecord.position(in: file, path)
        var reader = ByteReader(file, offset: position + 4, path: path)
        let disks = [try reader.integer(UInt16.self, object), try reader.integer(UInt16.self, object)]
        let here = try reader.integer(UInt16.self, object)
        var count = Int(try reader.integer(UInt16.self, object))
        var size = Int(try reader.integer(UInt32.self, object))
        var offset = Int(try reader.integer(UInt32.self, object))
        guard disks.allSatisfy({ $0 == 0 || $0 == 0xFFFF }), Int(here) == count else {
            throw FormatError.unsupported(path, object, "says that the archive is on several disks")
        }
        var end = position
        if position >= ZipEndRecord.locatorBytes {
            var locator = ByteReader(file, offset: position - ZipEndRecord.locatorBytes, path: path)
            if try locator.integer(UInt32.self, object) == 0x0706_4B50 {
                _ = try locator.take(4, object)
                end = try locator.count(object)
                var wide = ByteReader(file, offset: end, path: path)
                guard end <= position, try wide.integer(UInt32.self, object) == 0x0606_4B50 else {
                    throw FormatError.malformed(path, object, "points to no zip64 record")
                }
                _ = try wide.take(8 + 2 + 2 + 4 + 4 + 8, object)
                // Some writers put a zip64 record where none is needed; the short fields then say the same.
                count = try ZipEndRecord.wide(try wide.count(object), short: count, saturated: 0xFFFF, path)
                size = try ZipEndRecord.wide(try wide.count(object), short: size, saturated: 0xFFFF_FFFF, path)
                offset = try ZipEndRecord.wide(try wide.count(object), short: offset, saturated: 0xFFFF_FFFF, path)
            }
        }
        let (directoryEnd, overflow) = offset.addingReportingOverflow(size)
        guard !overflow, directoryEnd == end else {
            throw FormatError.malformed(path, object, "puts the directory at \(offset) with \(size) bytes; it should end at \(end)")
        }
        guard count <= size / ZipEndRecord.entryBytes else {
            throw FormatError.malformed(path, object, "claims \(count) members in a directory of \(size) bytes")
        }
        self.count = count
        directoryOffset = offset
        self.directoryEnd = directoryEnd
    }

    private static func wide(_ value: Int, short: Int, saturated: Int, _ path: String) throws -> Int {
        guard short == saturated || short == value else {
            throw FormatError.malformed(path, "end of directory", "says \(short), and its zip64 record \(value)")
        }
        return value
    }

    /// The last place with the signature and a comment that reaches the end of the file exactly.
    private static func position(in file: UnsafeRawBufferPointer, _ path: String) throws -> Int {
        let first = max(0, file.count - byteCount - maximumComment)
        var position = file.count - byteCount
        while position >= first {
            if file[position] == 0x50, file[position + 1] == 0x4B, file[position + 2] == 5, file[position + 3] == 6,
                position + byteCount + Int(file[position + 20]) + Int(file[position + 21]) << 8 == file.count
            {
                return position
            }
            position -= 1
        }
        throw FormatError.malformed(path, "", "has no end of a zip directory: it is cut short or no archive")
    }
}
