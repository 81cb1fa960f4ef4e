import CLibrary
import Caplet

/// Lines of standard input, with a sign for a person that one is waited for.
struct QuestionLines {
    /// Whether a person types them and sees the answers.
    let isTerminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
    /// Standard input with a buffer of its own: nothing else reads from it.
    private let input = fdopen(STDIN_FILENO, "r")

    /// The next line without its end; nil at the end of input.
    ///
    /// - Throws: `UsageError` for what is no text or cannot be read.
    func next() throws -> String? {
        if isTerminal {
            print("> ", terminator: "")
            fflush(StandardStream.output)
        }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        guard let input else { throw UsageError("standard input: \(String(cString: strerror(errno)))", .cannotOpen) }
        let count = getline(&line, &capacity, input)
        guard count >= 0, let line else {
            if ferror(input) != 0 { throw UsageError("standard input: \(String(cString: strerror(errno)))", .cannotOpen) }
            return nil
        }
        var bytes = UnsafeRawBufferPointer(start: line, count: count)[...]
        for end in [UInt8(ascii: "\n"), UInt8(ascii: "\r")] where bytes.last == end { bytes.removeLast() }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw UsageError("standard input: is not UTF-8 text", .malformedInput)
        }
        return text
    }
}
