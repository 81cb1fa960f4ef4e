/// Where the members of an archive go, and the records around them: stored members, data at multiples of 64, one time for all.
public struct ZipLayout: Sendable {
    private struct Member {
        let name: [UInt8]
        let byteCount: Int
        let headerOffset: Int
        /// Zero bytes in the extra field that align the data.
        let padding: Int
    }

    private var members: [Member] = []
    private let directoryOffset: Int
    /// Sizes and offsets from which zip64 fields are used.
    private let wideFrom: Int

    public static let alignment = 64
    private static let headerBytes = 30
    private static let entryBytes = 46
    /// Two sizes with tag and length; the directory's entries have an offset too.
    private static let localWideBytes = 20
    private static let directoryWideBytes = 28
    /// Tag and length, and the alignment, of the padding field.
    private static let paddingHeadBytes = 6
    private static let paddingTag: UInt16 = 0xD935
    /// 1980-01-01, 00:00.
    private static let date: UInt16 = 0x0021

    public init(_ entries: [(name: String, byteCount: Int)], wideFrom: Int = 0xFFFF_FFFF) {
        self.wideFrom = wideFrom
        var offset = 0
        for entry in entries {
            let name = Array(entry.name.utf8)
            let wide = entry.byteCount >= wideFrom ? ZipLayout.localWideBytes : 0
            let unpadded = offset + ZipLayout.headerBytes + name.count + wide + ZipLayout.paddingHeadBytes
            let padding = (ZipLayout.alignment - unpadded % ZipLayout.alignment) % ZipLayout.alignment
            members.append(Member(name: name, byteCount: entry.byteCount, headerOffset: offset, padding: padding))
            offset = unpadded + padding + entry.byteCount
        }
        directoryOffset = offset
    }

    /// Of the whole archive.
    public var byteCount: Int {
        directoryOffset + directory(checksums: [UInt32](repeating: 0, count: members.count)).count
    }

    /// The record before member `index`'s bytes.
    public func localHeader(_ index: Int, checksum: UInt32) -> [UInt8] {
        let member = members[index]
        let isWide = member.byteCount >= wideFrom
        var out: [UInt8] = []
        put(0x0403_4B50 as UInt32, &out)
        putCommon(
            member, checksum, isWide: isWide,
            extraBytes: (isWide ? ZipLayout.localWideBytes : 0) + ZipLayout.paddingHeadBytes + member.padding, &out)
        out += member.name
        if isWide { putWide([member.byteCount, member.byteCount], &out) }
        put(ZipLayout.paddingTag, &out)
        put(UInt16(2 + member.padding), &out)
        put(UInt16(ZipLayout.alignment), &out)
        out += [UInt8](repeating: 0, count: member.padding)
        return out
    }

    /// All after the last member: the directory and its end.
    public func directory(checksums: [UInt32]) -> [UInt8] {
        var out: [UInt8] = []
        for (member, checksum) in zip(members, checksums) {
            let isWide = member.byteCount >= wideFrom || member.headerOffset >= wideFrom
            put(0x0201_4B50 as UInt32, &out)
            put(0x031E as UInt16, &out)
            putCommon(member, checksum, isWide: isWide, extraBytes: isWide ? ZipLayout.directoryWideBytes : 0, &out)
            put(0 as UInt16, &out)
            put(0 as UInt16, &out)
            put(0 as UInt16, &out)
            put(0o100644 << 16 as UInt32, &out)
            put(isWide ? .max : UInt32(member.headerOffset), &out)
            out += member.name
            if isWide { putWide([member.byteCount, member.byteCount, member.headerOffset], &out) }
        }
        putEnd(size: out.count, &out)
        return out
    }

    /// Version, flags, method, time, checksum, sizes and the lengths of name and extra field: alike in both headers.
    private func putCommon(_ member: Member, _ checksum: UInt32, isWide: Bool, extraBytes: Int, _ out: inout [UInt8]) {
        put(isWide ? 45 : 20 as UInt16, &out)
        // Bit 11: the name is UTF-8.
        put(member.name.contains { $0 >= 0x80 } ? 0x0800 : 0 as UInt16, &out)
        put(0 as UInt16, &out)
        put(0 as UInt16, &out)
        put(ZipLayout.date, &out)
        put(checksum, &out)
        let size = isWide ? .max : UInt32(member.byteCount)
        put(size, &out)
        put(size, &out)
        put(UInt16(member.name.count), &out)
        put(UInt16(extraBytes), &out)
    }

    private func putWide(_ values: [Int], _ out: inout [UInt8]) {
        put(1 as UInt16, &out)
        put(UInt16(values.count * 8), &out)
        for value in values { put(UInt64(value), &out) }
    }

    private func putEnd(size: Int, _ out: inout [UInt8]) {
        let isWide = members.count >= min(0xFFFF, wideFrom) || size >= wideFrom || directoryOffset >= wideFrom
        if isWide {
            put(0x0606_4B50 as UInt32, &out)
            put(44 as UInt64, &out)
            put(0x032D as UInt16, &out)
            put(45 as UInt16, &out)
            put(0 as UInt64, &out)
            for value in [members.count, members.count, size, directoryOffset] { put(UInt64(value), &out) }
            put(0x0706_4B50 as UInt32, &out)
            put(0 as UInt32, &out)
            put(UInt64(directoryOffset + size), &out)
            put(1 as UInt32, &out)
        }
        put(0x0605_4B50 as UInt32, &out)
        put(0 as UInt32, &out)
        let count = isWide ? .max : UInt16(members.count)
        put(count, &out)
        put(count, &out)
        put(isWide ? .max : UInt32(size), &out)
        put(isWide ? .max : UInt32(directoryOffset), &out)
        put(0 as UInt16, &out)
    }

    private func put<Value: FixedWidthInteger>(_ value: Value, _ out: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { out.append(contentsOf: $0) }
    }
}
