import Foundation
import XCTest

/// Runs scripts in the Python that has the reference implementations.
public enum PythonProcess {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// `CAPLET_TEST_PYTHON`, or the environment in the package's build folder.
    public static var interpreter: String {
        if let path = ProcessInfo.processInfo.environment["CAPLET_TEST_PYTHON"], !path.isEmpty { return path }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return root.appendingPathComponent(".build/python/bin/python").path
    }

    /// Standard output of `script` run with `arguments` as sys.argv[1...].
    ///
    /// - Throws: `Failure` when there is no interpreter or the script fails; tests that need it fail, they are not skipped.
    @discardableResult
    public static func run(_ script: String, _ arguments: [String] = []) throws -> String {
        guard FileManager.default.isExecutableFile(atPath: interpreter) else {
            throw Failure(
                description: "no Python at \(interpreter): make the test environment, or set CAPLET_TEST_PYTHON to an "
                    + "interpreter with numpy, ml_dtypes, safetensors and gguf")
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: interpreter)
        process.arguments = ["-c", script] + arguments
        let output = Pipe()
        let errors = try TemporaryFolder()
        let errorFile = errors.path("stderr")
        _ = FileManager.default.createFile(atPath: errorFile, contents: nil)
        process.standardOutput = output
        process.standardError = FileHandle(forWritingAtPath: errorFile)
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let errors = (try? String(contentsOfFile: errorFile, encoding: .utf8)) ?? ""
            throw Failure(description: "Python ended with status \(process.terminationStatus):\n\(errors.suffix(4000))")
        }
        return text
    }
}
