import Foundation

/// The zstd command, as anyone has it.
enum ZstdTool {
    struct Failure: Error {}

    /// The files of a folder that `zstd -t` accepts, each with a digest of what they decompress to.
    static func survivors(of folder: String) throws -> [(name: String, digest: String)] {
        let script = """
            cd "$1" || exit 9
            command -v zstd >/dev/null || exit 8
            # One zstd for many files: it names those that it refuses, "NAME : why" or "zstd: NAME: why", and goes on.
            printf '%s\\0' * | xargs -0 -n 500 zstd -tq -- 2>&1 | sed -E 's/^zstd: //; s/ *:.*//' | sort -u > ../refused.$$
            ls | LC_ALL=C sort | grep -vxF -f ../refused.$$ | while read -r f; do
              zstd -tq -- "$f" || exit 7
              echo "$f $(zstd -dcq -- "$f" | sha256sum | cut -c1-64)"
            done
            status=$?
            rm -f ../refused.$$
            exit $status
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
