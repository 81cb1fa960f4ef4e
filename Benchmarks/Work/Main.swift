import Execution
// Its standard streams are variables, which nobody assigns to.
@preconcurrency import Glibc
import LinearAlgebra
import ModelGraph

/// Runs one named piece of work once and prints what it took as a line of JSON: our side of the benchmarks of linear algebra and models.
///
/// What is timed starts with the inputs in memory and ends with the results there; reading files is not part of it. Usage:
/// `caplet-work SUBJECT INPUT [name=value …]`, where every subject takes `threads`.
@main
struct Work {
    static func main() {
        // As `caplet` does.
        LinearAlgebraRuntime.useOneThreadPerCall()
        ProcessMemory.returnLargeBlocks()
        // As `compress` does.
        ProcessMemory.useHugePages()
        do {
            let arguments = try WorkArguments(CommandLine.arguments)
            print(try timings(arguments).line)
        } catch {
            fputs("caplet-work: \(error)\n", stderr)
            exit(1)
        }
    }

    private static func timings(_ arguments: WorkArguments) throws -> Timings {
        switch arguments.subject {
        case "rpca": return try MatrixWork(arguments).rpca()
        case "svt": return try MatrixWork(arguments).singularValueThresholding()
        case "forward": return try ForwardWork(arguments).run()
        case "allocation": return try AllocationWork(arguments).run()
        case "layerwise": return try LayerwiseWork(arguments).run()
        case "sparse-solver": return try LayerwiseWork(arguments).sparseSolver()
        default: throw WorkError("no subject '\(arguments.subject)'; there are rpca, svt, forward, allocation, layerwise, sparse-solver")
        }
    }
}

/// What the command line asks for.
struct WorkArguments {
    let subject: String
    let input: String
    private let settings: [String: String]

    init(_ line: [String]) throws {
        guard line.count >= 3 else { throw WorkError("usage: caplet-work SUBJECT INPUT [name=value …]") }
        (subject, input) = (line[1], line[2])
        settings = try Dictionary(
            line.dropFirst(3).map { setting in
                guard let split = setting.firstIndex(of: "=") else { throw WorkError("'\(setting)' is no name=value") }
                return (String(setting[..<split]), String(setting[setting.index(after: split)...]))
            }, uniquingKeysWith: { $1 })
    }

    func text(_ name: String) throws -> String {
        guard let value = settings[name] else { throw WorkError("\(subject) needs \(name)=") }
        return value
    }

    func optionalText(_ name: String) -> String? { settings[name] }

    func number(_ name: String) throws -> Double {
        guard let value = Double(try text(name)) else { throw WorkError("\(name)= takes a number, not '\(try text(name))'") }
        return value
    }

    func integer(_ name: String) throws -> Int {
        guard let value = Int(try text(name)) else { throw WorkError("\(name)= takes a whole number, not '\(try text(name))'") }
        return value
    }

    func execution(_ progress: any Progress = SilentProgress()) throws -> ExecutionContext {
        ExecutionContext(threads: try integer("threads"), progress: progress)
    }
}

struct WorkError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Seconds of the work, and figures of what came out of it.
struct Timings {
    var seconds: Double
    var figures: [(name: String, value: Double)] = []

    /// One line of JSON.
    var line: String {
        let pairs = [("seconds", seconds)] + figures.map { ($0.name, $0.value) }
        return "{" + pairs.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}"
    }
}

/// Seconds on a clock that only goes forward.
func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Seconds of the processor that all threads of the process have had.
func cpuSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
