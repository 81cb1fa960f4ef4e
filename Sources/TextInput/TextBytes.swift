import FormatKit
import ModelGraph

/// The bytes of text files, as text.
enum TextBytes {
    /// UTF-8 without a byte-order mark.
    ///
    /// - Throws: `FormatError.malformed` for other encodings, and for the zeros that UTF-16 without a mark is full of.
    static func text(_ bytes: [UInt8], _ path: String) throws -> String {
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            throw FormatError.malformed(path, "", "is UTF-16; write it as UTF-8")
        }
        let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        if body.starts(with: ParquetFooter.mark) {
            throw FormatError.malformed(path, "", "is a Parquet file, and no text by itself")
        }
        if let place = body.firstIndex(of: 0) {
            throw FormatError.malformed(path, "byte \(place)", "is 0, which no text has; UTF-16 has to be written as UTF-8")
        }
        guard let text = String(validating: body, as: UTF8.self) else { throw FormatError.malformed(path, "", "is not UTF-8 text") }
        return text
    }
}
