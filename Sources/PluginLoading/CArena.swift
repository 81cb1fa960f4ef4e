import CCapletPlugin
import CLibrary
import ModelGraph

/// Memory in which a graph is laid out as C has it; freed with the value.
final class CArena {
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit { blocks.forEach { $0.deallocate() } }

    private func block(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let block = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 16)
        blocks.append(block)
        return block
    }

    func text(_ text: String) -> UnsafePointer<CChar> { UnsafePointer(bytes(Array(text.utf8) + [0]).assumingMemoryBound(to: CChar.self)) }

    func bytes(_ bytes: [UInt8]) -> UnsafeMutableRawPointer { copy(bytes) }

    func array<Element>(_ elements: [Element]) -> UnsafePointer<Element> {
        UnsafePointer(copy(elements).bindMemory(to: Element.self, capacity: elements.count))
    }

    private func copy<Element>(_ elements: [Element]) -> UnsafeMutableRawPointer {
        let block = block(elements.count * MemoryLayout<Element>.stride)
        elements.withUnsafeBytes { source in
            if let base = source.baseAddress { block.copyMemory(from: base, byteCount: source.count) }
        }
        return block
    }

    func metadata(_ key: String, _ value: MetadataValue) -> caplet_metadata {
        var entry = caplet_metadata()
        entry.key = UnsafePointer(text(key))
        let list: [MetadataValue]
        if case .array(let type, let values) = value {
            (entry.type, entry.is_array, list) = (type.rawValue, 1, values)
        } else {
            (entry.type, entry.is_array, list) = (value.type.rawValue, 0, [value])
        }
        entry.count = UInt64(list.count)
        entry.values = UnsafeRawPointer(values(list))
        return entry
    }

    /// Values of one type, one after the other.
    private func values(_ list: [MetadataValue]) -> UnsafeMutableRawPointer {
        var raw: [UInt8] = []
        for value in list {
            switch value {
            case .uint8(let number): raw.append(number)
            case .int8(let number): raw.append(UInt8(bitPattern: number))
            case .bool(let flag): raw.append(flag ? 1 : 0)
            case .uint16(let number): append(number, to: &raw)
            case .int16(let number): append(number, to: &raw)
            case .uint32(let number): append(number, to: &raw)
            case .int32(let number): append(number, to: &raw)
            case .uint64(let number): append(number, to: &raw)
            case .int64(let number): append(number, to: &raw)
            case .float32(let number): append(number.bitPattern, to: &raw)
            case .float64(let number): append(number.bitPattern, to: &raw)
            case .string(let text): append(UInt(bitPattern: self.text(text)), to: &raw)
            // GGUF's arrays of arrays are not read, so none is there.
            case .array: append(UInt(0), to: &raw)
            }
        }
        return bytes(raw)
    }

    private func append<Number: FixedWidthInteger>(_ number: Number, to raw: inout [UInt8]) {
        withUnsafeBytes(of: number) { raw.append(contentsOf: $0) }
    }
}
