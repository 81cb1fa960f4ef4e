import ArgumentParser
import Caplet

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Read all of a model and check it.",
        discussion: """
            Checks the file's structure and, in a .caplet, every checksum and digest; that all values are finite; that the tensors \
            have the shapes of the configuration; that the tokenizer loads. With --sha256, also that the content is what somebody \
            else says it is. Exit status 0 when all is well, 1 with a line on the \
            first damage, 66 when the model cannot be opened, 69 when it is of a kind that is not supported.
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Option(
        name: .customLong("sha256"),
        help: ArgumentHelp("What `inspect --hash` must say of the model's content, from a place that you trust.", valueName: "digest"))
    var digest: String?

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if let digest, SHA256Digest(hexadecimal: digest) == nil { throw ValidationError("--sha256 takes 64 hexadecimal digits") }
    }

    func run() throws {
        try Session.run(common) { session in
            do {
                var request = VerificationRequest(model: model)
                request.format = from
                request.expectedDigest = digest.flatMap(SHA256Digest.init(hexadecimal:))
                let result = try session.perform(request)
                if session.options.json {
                    session.print(try JSONOutput.line(VerificationDocument(path: model, ok: true, checked: result.checked, damage: nil)))
                } else {
                    session.print("\(model): ok")
                    for line in result.checked { session.print("  \(line)") }
                }
                return .done
            } catch {
                // Damage is what the check was to find: it ran and said no.
                let status = ExitStatus(error)
                guard status == .malformedInput || status == .checkFailed else { throw error }
                let damage = "\(error)".hasPrefix(model) ? "\(error)" : "\(model): \(error)"
                if session.options.json {
                    session.print(try JSONOutput.line(VerificationDocument(path: model, ok: false, checked: [], damage: damage)))
                }
                session.diagnostics.error(damage)
                return .checkFailed
            }
        }
    }
}

/// The keys of `verify --json`.
private struct VerificationDocument: Encodable {
    let path: String
    let ok: Bool
    let checked: [String]
    let damage: String?
}
