import FormatKit

/// The file name of a tensor in a folder, and back: `%` and two hexadecimal digits stand for a byte that a name cannot have.
enum NPYFileName {
    static let ending = ".npy"

    /// Nil when the name would be longer than a file name can be.
    static func fileName(forTensor name: String) -> String? {
        if name.isEmpty { return "%" + ending }
        var out: [UInt8] = []
        for (index, byte) in name.utf8.enumerated() {
            let isEscaped =
                byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "%")
                || (index == 0 && byte == UInt8(ascii: "."))
            if isEscaped {
                let digits = String(byte, radix: 16, uppercase: true)
                out += Array(("%" + (digits.count < 2 ? "0" : "") + digits).utf8)
            } else {
                out.append(byte)
            }
        }
        let file = String(decoding: out, as: UTF8.self) + ending
        return FileName.isPlain(file) ? file : nil
    }

    /// The tensor that a file is; its name as it stands where it is none of ours. Nil for files that are no arrays.
    static func tensorName(forFile file: String) -> String? {
        guard file.hasSuffix(ending) else { return nil }
        let stem = String(file.dropLast(ending.count))
        if stem == "%" { return "" }
        let source = Array(stem.utf8)
        var out: [UInt8] = []
        var index = 0
        while index < source.count {
            if source[index] == UInt8(ascii: "%") {
                guard index + 2 < source.count, let byte = UInt8(String(decoding: source[index + 1...index + 2], as: UTF8.self), radix: 16)
                else { return stem }
                out.append(byte)
                index += 3
            } else {
                out.append(source[index])
                index += 1
            }
        }
        return String(validating: out, as: UTF8.self) ?? stem
    }
}
