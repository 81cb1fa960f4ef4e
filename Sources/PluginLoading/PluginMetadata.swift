import CCapletPlugin
import FormatKit
import ModelGraph

/// The typed keys and the files of a model that a plugin read.
enum PluginMetadata {
    private static let maximumCount: UInt64 = 1 << 24

    static func read(_ model: PluginModel, _ contents: caplet_model) throws -> Metadata {
        var metadata = Metadata()
        let count = try checked(contents.metadata_count, contents.metadata == nil, "keys", model)
        for index in 0..<count {
            guard let entry = contents.metadata?[index] else { continue }
            let key: String
            do { key = try PluginText.read(entry.key) } catch { throw model.malformed("key \(index)", "has a name that \(error)") }
            guard metadata[key] == nil else { throw model.malformed("key '\(key)'", "appears twice") }
            metadata[key] = try value(entry, "key '\(key)'", model)
        }
        return metadata
    }

    static func files(_ model: PluginModel, _ contents: caplet_model) throws -> [Attachment] {
        let count = try checked(contents.file_count, contents.files == nil, "files", model)
        var attachments: [Attachment] = []
        for index in 0..<count {
            guard let file = contents.files?[index] else { continue }
            let name: String
            do { name = try PluginText.read(file.name) } catch { throw model.malformed("file \(index)", "has a name that \(error)") }
            guard FileName.isPlain(name) else { throw model.malformed("file '\(name)'", "has a name that is no plain file name") }
            guard !attachments.contains(where: { $0.name == name }) else { throw model.malformed("file '\(name)'", "appears twice") }
            guard file.byte_count <= UInt64(ModelFolder.maximumAttachmentBytes) else {
                throw model.malformed(
                    "file '\(name)'", "has \(file.byte_count) bytes, at most \(ModelFolder.maximumAttachmentBytes) are taken")
            }
            guard file.data != nil || file.byte_count == 0 else { throw model.malformed("file '\(name)'", "has no data") }
            attachments.append(
                Attachment(name: name, bytes: Array(UnsafeRawBufferPointer(start: file.data, count: Int(file.byte_count)))))
        }
        return attachments
    }

    private static func checked(_ count: UInt64, _ isMissing: Bool, _ noun: String, _ model: PluginModel) throws -> Int {
        guard count <= maximumCount else { throw model.malformed("", "has \(count) \(noun), at most \(maximumCount) are taken") }
        guard count == 0 || !isMissing else { throw model.malformed("", "has \(count) \(noun) and nothing where they are to be") }
        return Int(count)
    }

    private static func value(_ entry: caplet_metadata, _ object: String, _ model: PluginModel) throws -> MetadataValue {
        guard let type = MetadataType(rawValue: entry.type), type != .array else {
            throw model.malformed(object, "has the unknown type \(entry.type)")
        }
        guard entry.is_array <= 1, entry.is_array == 1 || entry.count == 1 else {
            throw model.malformed(object, "has \(entry.count) values and is_array \(entry.is_array)")
        }
        let count = try checked(entry.count, entry.values == nil, "values of \(object)", model)
        guard let values = entry.values else { return .array(type, []) }
        let list = try (0..<count).map { try element(values, $0, type, object, model) }
        return entry.is_array == 1 ? .array(type, list) : list[0]
    }

    private static func element(
        _ values: UnsafeRawPointer, _ index: Int, _ type: MetadataType, _ object: String, _ model: PluginModel
    ) throws -> MetadataValue {
        func load<Number>(_: Number.Type) -> Number {
            values.loadUnaligned(fromByteOffset: index * MemoryLayout<Number>.stride, as: Number.self)
        }
        switch type {
        case .uint8: return .uint8(load(UInt8.self))
        case .int8: return .int8(load(Int8.self))
        case .uint16: return .uint16(load(UInt16.self))
        case .int16: return .int16(load(Int16.self))
        case .uint32: return .uint32(load(UInt32.self))
        case .int32: return .int32(load(Int32.self))
        case .uint64: return .uint64(load(UInt64.self))
        case .int64: return .int64(load(Int64.self))
        case .float32: return .float32(Float(bitPattern: load(UInt32.self)))
        case .float64: return .float64(Double(bitPattern: load(UInt64.self)))
        case .bool:
            let byte = load(UInt8.self)
            guard byte <= 1 else { throw model.malformed(object, "has the truth value \(byte)") }
            return .bool(byte == 1)
        case .string:
            let pointer = values.assumingMemoryBound(to: UnsafePointer<CChar>?.self)[index]
            do {
                return .string(try PluginText.read(pointer, limit: PluginText.maximumValueBytes))
            } catch {
                throw model.malformed(object, "has a text that \(error)")
            }
        case .array: throw model.malformed(object, "has an array of arrays")
        }
    }
}
