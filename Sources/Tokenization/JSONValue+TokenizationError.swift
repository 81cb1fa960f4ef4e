import StrictJSON

extension JSONValue {
    /// Parses the whole of a tokenizer's file; `location` names it in errors.
    init(_ bytes: [UInt8], location: String) throws {
        do {
            try self.init(strict: bytes, allowsByteOrderMark: true)
        } catch let error as JSONError {
            throw TokenizationError.malformed(location: "\(location): byte \(error.offset)", reason: error.reason)
        }
    }
}
