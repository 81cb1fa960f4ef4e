import Foundation

/// Runs `caplet` as a user would and reads what it prints.
struct CapletRunner {
    let executable: String

    /// Runs one command; its progress and notes go to the terminal.
    ///
    /// - Returns: standard output.
    /// - Throws: `DemoError` with the exit status when it is not 0.
    func run(_ arguments: [String]) throws -> Data {
        print("$ caplet " + arguments.joined(separator: " "))
        // Before what the command says of itself.
        fflush(nil)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw DemoError(description: "caplet \(arguments.first ?? "") ended with status \(process.terminationStatus)")
        }
        return data
    }

    func json<Value: Decodable>(_ type: Value.Type, _ arguments: [String]) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: try run(arguments + ["--json"]))
    }
}

struct DemoError: Error, CustomStringConvertible {
    let description: String
}

/// What the demo needs of `caplet evaluate --json`.
struct Evaluation: Decodable {
    let meanNll: Double
    let perplexity: Double
    let perplexityStandardError: Double
    let seconds: Double
    let peakMemoryBytes: Int
}

/// What the demo needs of `caplet compress --json`.
struct Compression: Decodable {
    struct Pass: Decodable {
        let pass: String
        let tensors: [Tensor]
        let notes: [String]
        let seconds: Double
    }

    struct Tensor: Decodable {
        let name: String
        let parametersBefore: Int
        let parametersAfter: Int
        let measurements: [Measurement]

        func measurement(_ name: String) -> Double { measurements.first { $0.name == name }?.value ?? 0 }
    }

    struct Measurement: Decodable {
        let name: String
        let value: Double
    }

    let parametersBefore: Int
    let parametersAfter: Int
    let linearParametersBefore: Int
    let linearParametersAfter: Int
    let outputBytes: Int
    let seconds: Double
    let peakMemoryBytes: Int
    let passes: [Pass]
}
