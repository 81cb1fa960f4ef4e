import FormatKit
import ModelGraph

/// The members of a zip archive, from its central directory; nothing is ever extracted to a path.
public struct ZipArchive: Sendable {
    public struct Member: Sendable {
        public let name: String
        public let isDeflated: Bool
        let checksum: UInt32
        let storedBytes: Int
        /// Of what the member holds, inflated.
        public let byteCount: Int
        let headerOffset: Int
        /// Where the stored bytes begin.
        var dataOffset = 0
    }

    let path: String
    /// In the directory's order, folders left out.
    public private(set) var members: [Member] = []

    public static let localSignature: [UInt8] = [0x50, 0x4B, 3, 4]
    public static let endSignature: [UInt8] = [0x50, 0x4B, 5, 6]
    /// deflate cannot do better than 1 : 1032.
    static let maximumRatio = 1032

    /// - Throws: `FormatError.malformed` for a directory that contradicts the file, `.unsupported` for encryption, several disks
    ///   and methods other than stored and deflated.
    public init(_ file: UnsafeRawBufferPointer, path: String) throws {
        self.path = path
        let end = try ZipEndRecord(file, path: path)
        var reader = ByteReader(
            UnsafeRawBufferPointer(rebasing: file[..<end.directoryEnd]), offset: end.directoryOffset, path: path)
        var names = Set<String>()
        for _ in 0..<end.count {
            let member = try ZipArchive.directoryEntry(&reader)
            guard names.insert(member.name).inserted else {
                throw FormatError.malformed(path, "member '\(member.name)'", "is in the directory twice")
            }
            if member.name.hasSuffix("/"), member.byteCount == 0 { continue }
            members.append(member)
        }
        guard reader.remaining == 0 else { throw FormatError.malformed(path, "directory", "has \(reader.remaining) bytes too many") }
        try checkLocalHeaders(file, limit: end.directoryOffset)
    }

    /// The first member's name when `head` begins an archive.
    public static func firstName(_ head: [UInt8]) -> String? {
        guard head.count > 30, head.starts(with: localSignature) else { return nil }
        let length = Int(head[26]) | Int(head[27]) << 8
        guard head.count >= 30 + length else { return nil }
        return String(validating: head[30..<30 + length], as: UTF8.self)
    }

    private static func directoryEntry(_ reader: inout ByteReader) throws -> Member {
        let object = "directory"
        let path = reader.path
        guard try reader.integer(UInt32.self, object) == 0x0201_4B50 else {
            throw FormatError.malformed(path, object, "has no entry at offset \(reader.offset - 4)")
        }
        _ = try reader.take(4, object)
        let flags = try reader.integer(UInt16.self, object)
        let method = try reader.integer(UInt16.self, object)
        _ = try reader.take(4, object)
        let checksum = try reader.integer(UInt32.self, object)
        let stored = try reader.integer(UInt32.self, object)
        let size = try reader.integer(UInt32.self, object)
        let nameLength = Int(try reader.integer(UInt16.self, object))
        let extraLength = Int(try reader.integer(UInt16.self, object))
        let commentLength = Int(try reader.integer(UInt16.self, object))
        let disk = try reader.integer(UInt16.self, object)
        _ = try reader.take(6, object)
        let offset = try reader.integer(UInt32.self, object)
        let name = try reader.string(length: nameLength, "directory, a member's name")
        var extra = ByteReader(try reader.take(extraLength, object), path: path)
        _ = try reader.take(commentLength, object)
        try checkName(name, path)
        guard flags & 1 == 0 else { throw FormatError.unsupported(path, "member '\(name)'", "is encrypted") }
        guard disk == 0 else { throw FormatError.unsupported(path, "member '\(name)'", "is on another disk") }
        guard method == 0 || method == 8 else {
            throw FormatError.unsupported(path, "member '\(name)'", "is compressed by method \(method); stored and deflated can be read")
        }
        let wide = try ZipWideSizes(&extra, size: size, stored: stored, offset: offset, name: name)
        let member = Member(
            name: name, isDeflated: method == 8, checksum: checksum, storedBytes: wide.stored, byteCount: wide.size,
            headerOffset: wide.offset)
        let most = wide.stored.multipliedReportingOverflow(by: member.isDeflated ? maximumRatio : 1)
        guard most.overflow || wide.size <= most.partialValue, member.isDeflated || wide.size == wide.stored else {
            throw FormatError.malformed(path, "member '\(name)'", "claims \(wide.size) bytes from \(wide.stored) stored ones")
        }
        return member
    }

    /// Names are keys here, not paths; what no honest writer makes is refused all the same.
    public static func checkName(_ name: String, _ path: String) throws {
        let isPlain =
            !name.isEmpty && !name.hasPrefix("/") && !name.utf8.contains(0)
            && !name.split(separator: "/", omittingEmptySubsequences: false).contains("..")
        guard isPlain else { throw FormatError.malformed(path, "directory", "has a member with the name '\(name.prefix(80))'") }
    }

    /// Each member lies inside the file before the directory, has the same name there, and shares no byte with another.
    private mutating func checkLocalHeaders(_ file: UnsafeRawBufferPointer, limit: Int) throws {
        let before = UnsafeRawBufferPointer(rebasing: file[..<limit])
        for index in members.indices {
            let member = members[index]
            let object = "member '\(member.name)'"
            guard member.headerOffset <= limit else { throw FormatError.malformed(path, object, "begins beyond the directory") }
            var reader = ByteReader(before, offset: member.headerOffset, path: path)
            guard try reader.integer(UInt32.self, object) == 0x0403_4B50 else {
                throw FormatError.malformed(path, object, "has no header at offset \(member.headerOffset)")
            }
            _ = try reader.take(22, object)
            let nameLength = Int(try reader.integer(UInt16.self, object))
            let extraLength = Int(try reader.integer(UInt16.self, object))
            guard try reader.take(nameLength, object).elementsEqual(member.name.utf8) else {
                throw FormatError.malformed(path, object, "has another name in its own header")
            }
            _ = try reader.take(extraLength, object)
            members[index].dataOffset = reader.offset
            _ = try reader.take(member.storedBytes, object)
        }
        var next = 0
        for member in members.sorted(by: { $0.headerOffset < $1.headerOffset }) {
            guard member.headerOffset >= next else { throw FormatError.malformed(path, "member '\(member.name)'", "overlaps another") }
            next = member.dataOffset + member.storedBytes
        }
    }
}

/// Sizes of a directory entry, from its zip64 extra field where the 32-bit ones are saturated.
private struct ZipWideSizes {
    let size: Int
    let stored: Int
    let offset: Int

    init(_ extra: inout ByteReader, size: UInt32, stored: UInt32, offset: UInt32, name: String) throws {
        let object = "member '\(name)'"
        var values = [Int(size), Int(stored), Int(offset)]
        let isSaturated = [size, stored, offset].map { $0 == .max }
        while isSaturated.contains(true), extra.remaining >= 4 {
            let tag = try extra.integer(UInt16.self, object)
            let length = Int(try extra.integer(UInt16.self, object))
            var field = ByteReader(try extra.take(length, object), path: extra.path)
            guard tag == 1 else { continue }
            for index in values.indices where isSaturated[index] { values[index] = try field.count(object) }
            break
        }
        (self.size, self.stored, self.offset) = (values[0], values[1], values[2])
    }
}
