import Glibc

/// Text from standard input.
enum StandardInput {
    /// Most bytes of a prompt: far more than fits any context.
    private static let maximumBytes = 16 << 20

    /// - Throws: `UsageError` for input that cannot be read, is too long or is not UTF-8.
    static func text() throws -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(STDIN_FILENO, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw UsageError("standard input: \(String(cString: strerror(errno)))", .cannotOpen) }
            if count == 0 { break }
            bytes += buffer[..<count]
            guard bytes.count <= maximumBytes else {
                throw UsageError("standard input: more than \(maximumBytes) bytes of prompt", .malformedInput)
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw UsageError("standard input: is not UTF-8 text", .malformedInput)
        }
        return text
    }
}
