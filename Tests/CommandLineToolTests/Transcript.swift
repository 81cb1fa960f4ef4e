import Foundation

/// Command lines with what they print and the status they end with, as a text file.
///
///     # a comment, and blank lines, between commands
///     $ caplet formats --json
///     lines of standard output
///     ! lines of standard error
///     ? 0
///
/// Numbers that a run changes are written `#`: seconds, rates, memory.
struct Transcript {
    struct Step {
        var comment: [String]
        let command: String
        var output: [String] = []
        var errors: [String] = []
        var status: Int32 = 0
    }

    struct Failure: Error, CustomStringConvertible { let description: String }

    var steps: [Step] = []
    /// Lines after the last step.
    var trailer: [String] = []

    init(_ text: String, name: String) throws {
        var step: Step?
        var lines = text.components(separatedBy: "\n")
        if lines.last == "" { lines.removeLast() }
        for line in lines {
            if var current = step {
                if line.hasPrefix("? ") {
                    guard let status = Int32(line.dropFirst(2)) else { throw Failure(description: "\(name): no status in '\(line)'") }
                    current.status = status
                    steps.append(current)
                    step = nil
                    continue
                }
                if line.hasPrefix("! ") { current.errors.append(String(line.dropFirst(2))) } else { current.output.append(line) }
                step = current
            } else if line.hasPrefix("$ ") {
                step = Step(comment: trailer, command: String(line.dropFirst(2)))
                trailer = []
            } else {
                guard line.isEmpty || line.hasPrefix("#") else { throw Failure(description: "\(name): '\(line)' belongs to no command") }
                trailer.append(line)
            }
        }
        if let step { throw Failure(description: "\(name): '\(step.command)' has no '? STATUS'") }
    }

    var text: String {
        var lines: [String] = []
        for step in steps {
            lines += step.comment
            lines.append("$ \(step.command)")
            lines += step.output
            lines += step.errors.map { "! " + $0 }
            lines.append("? \(step.status)")
        }
        return (lines + trailer).joined(separator: "\n") + "\n"
    }

    /// The transcript with what the commands really do, run one after the other in `folder`.
    func replayed(in folder: String) throws -> Transcript {
        var replayed = self
        for index in steps.indices {
            let result = try CapletProcess.shell(steps[index].command, in: folder)
            replayed.steps[index].output = Transcript.lines(result.output)
            replayed.steps[index].errors = Transcript.lines(result.errors)
            replayed.steps[index].status = result.status
        }
        return replayed
    }

    private static let changing: [(pattern: String, replacement: String)] = [
        (#"[0-9.,]+ s\b"#, "# s"), (#"[0-9.,]+ MB/s"#, "# MB/s"), (#"memory +[0-9.]+ [kMG]?B at"#, "memory     # at"),
        (#""(seconds|megabytes_per_second|peak_memory_bytes)":[0-9.e-]+"#, "\"$1\":#"), (#" +$"#, ""),
    ]

    private static func lines(_ text: String) -> [String] {
        var lines = text.components(separatedBy: "\n")
        if lines.last == "" { lines.removeLast() }
        return lines.map { line in
            changing.reduce(line) { $0.replacingOccurrences(of: $1.pattern, with: $1.replacement, options: .regularExpression) }
        }
    }
}
