import StrictJSON

/// A question with choices, one of which is right: a model answers by the log-likelihood of each choice after its context.
public struct TaskRecord: Equatable {
    /// What stands before each choice.
    public let contexts: [String]
    /// What is scored, with the space that sets it off: " a choice".
    public let continuations: [String]
    /// Characters of each choice as the record has it: what the normalised score divides by.
    public let lengths: [Int]
    /// The position of the right choice.
    public let answer: Int

    /// One context for all choices.
    init(_ context: String, _ choices: [String], answer: Int) {
        contexts = choices.map { _ in context }
        continuations = choices.map { " " + $0 }
        lengths = choices.map { $0.unicodeScalars.count }
        self.answer = answer
    }

    init(contexts: [String], continuation: String, answer: Int) {
        self.contexts = contexts
        continuations = contexts.map { _ in continuation }
        lengths = contexts.map { _ in continuation.unicodeScalars.count }
        self.answer = answer
    }
}

/// The records of a file, all of one shape.
public struct TaskFile {
    public let shape: TaskShape
    public let records: [TaskRecord]

    /// Parses JSON Lines: an object a line; blank lines mean nothing.
    ///
    /// - Throws: `TaskError` with the line, counted from 1.
    public init(parsing text: String) throws {
        var shape: TaskShape?
        var records: [TaskRecord] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            guard line.contains(where: { !$0.isWhitespace }) else { continue }
            func fail(_ message: String) -> TaskError { TaskError(line: index + 1, message) }
            let json: JSONValue
            do { json = try JSONValue(strict: line.utf8) } catch { throw fail("\(error)") }
            guard let found = TaskShape.allCases.first(where: { $0.keys.allSatisfy { json[$0] != nil } }) else {
                throw fail(
                    "has the keys of no known task: \(TaskShape.allCases.map { "\($0.rawValue) \($0.keys.joined(separator: ", "))" }.joined(separator: "; "))"
                )
            }
            if let shape, shape != found { throw fail("is of \(found.rawValue), the lines before it of \(shape.rawValue)") }
            shape = found
            do { records.append(try found.record(json)) } catch let fault as TaskShape.Fault { throw fail(fault.description) }
        }
        guard let shape else { throw TaskError(line: nil, "has no records") }
        self.shape = shape
        self.records = records
    }
}

/// A task's file that cannot be understood.
public struct TaskError: Error, CustomStringConvertible {
    /// Counted from 1; nil for the file as a whole.
    public let line: Int?
    public let message: String

    init(line: Int?, _ message: String) {
        self.line = line
        self.message = message
    }

    public var description: String { (line.map { "line \($0): " } ?? "") + message }
}
