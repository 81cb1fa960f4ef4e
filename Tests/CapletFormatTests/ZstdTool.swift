import Foundation

/// The zstd command, as anyone has it.
enum ZstdTool {
    struct Failure: Error {}

    /// The files of a folder that `zstd -t` accepts, each with a digest of what they decompress to.
    static func survivors(of folder: String) throws -> [(name: String, digest: String)] {
        let script = """
            cd "$1" || exit 9
            command -v zstd >/dev/null || exit 8
            for f in *; do
              if zstd -tq -- "$f" 2>/dev/null; then echo "$f $(zstd -dcq -- "$f" | sha256sum | cut -c1-64)"; fi
            done
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", script, "bash", folder]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure() }
        return text.split(separator: "\n").map { line in
            let fields = line.split(separator: " ")
            return (String(fields[0]), String(fields[fields.count - 1]))
        }
    }
}
