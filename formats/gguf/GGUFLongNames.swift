import FormatKit
import ModelGraph

/// Names that ggml has no room for: in the file such a tensor is called by a number, and one metadata key has the names in order.
struct GGUFLongNames {
    static let key = "caplet.long_names"
    private static let prefix = "caplet.long_name."
    /// ggml's buffer has 64 bytes, one for the terminator.
    static let maximumBytes = 63
    private var names: [String] = []

    init() {}

    /// - Throws: `FormatError.malformed` for anything but an array of strings.
    init(_ value: MetadataValue?, path: String) throws {
        guard let value else { return }
        guard case .array(.string, let entries) = value else {
            throw FormatError.malformed(path, "key '\(GGUFLongNames.key)'", "is no array of names")
        }
        names = entries.compactMap(\.string)
    }

    /// Nil when all names fit.
    var value: MetadataValue? { names.isEmpty ? nil : .array(.string, names.map(MetadataValue.string)) }

    /// What a user is told; nil when all names fit.
    var warning: String? {
        names.first.map {
            "\(names.count) tensors have names of more than the \(GGUFLongNames.maximumBytes) bytes that ggml reads, '\($0)' the first; "
                + "they are stored under short ones, which caplet alone turns back"
        }
    }

    /// The tensor under a name that fits.
    mutating func shortened(_ tensor: GGUFTensor) -> GGUFTensor {
        guard tensor.name.utf8.count > GGUFLongNames.maximumBytes else { return tensor }
        var result = tensor
        result.name = GGUFLongNames.prefix + "\(names.count)"
        names.append(tensor.name)
        return result
    }

    /// The tensor under the name that it had.
    func restored(_ tensor: GGUFTensor) -> GGUFTensor {
        guard !names.isEmpty, tensor.name.hasPrefix(GGUFLongNames.prefix),
            let number = Int(tensor.name.dropFirst(GGUFLongNames.prefix.utf8.count)), names.indices.contains(number)
        else { return tensor }
        var result = tensor
        result.name = names[number]
        return result
    }
}
