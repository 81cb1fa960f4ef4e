import ArgumentParser
import CLibrary
import CVersion
import Caplet

/// `caplet`: one subcommand a verb.
@main
struct CapletCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "caplet",
        abstract: "Convert, compress, evaluate and pack model checkpoints.",
        discussion: """
            caplet compress model-folder -o model.caplet --bits-per-weight 4
            caplet convert model.caplet -o model.gguf
            caplet evaluate model.caplet --text held-out.txt
            caplet run model.caplet --prompt "The people of this country"
            caplet chat model.caplet

            Formats are known by what is in a file and by the output's name; --from and --to override both. Results go to standard \
            output, all else to standard error. Exit status: 0 done, 1 a check said no, 2 warnings under --strict, 64 usage, \
            65 malformed input, 66 input that cannot be opened, 69 unsupported, 70 internal error, 74 write failed, 130 interrupted.
            """,
        version: "\(Version.text) (commit \(commit))",
        subcommands: [
            ConvertCommand.self, CompressCommand.self, EvaluateCommand.self, RunCommand.self, ChatCommand.self, CompareCommand.self,
            AnalyzeCommand.self, TokenizeCommand.self, ImatrixCommand.self, InspectCommand.self, DiffCommand.self, VerifyCommand.self,
            FormatsCommand.self,
            PassesCommand.self,
            PluginCheckCommand.self,
        ])

    /// What the program was built from.
    private static var commit: String {
        let commit = String(cString: caplet_commit())
        return commit.isEmpty ? "unknown" : commit
    }

    static func main() {
        InterruptSignal.catchFirst()
        FatalFailure.reportInOneLine()
        ProcessSetup.apply()
        checkArguments()
        var command = parsed()
        do { try command.run() } catch { exit(withError: error) }
    }

    /// The verb that the arguments ask for; the end of the process where they ask for help or make no sense.
    private static func parsed() -> ParsableCommand {
        let hints = ArgumentHints(arguments: Array(CommandLine.arguments.dropFirst()))
        do {
            if let line = hints.unknownVerb { throw ValidationError(line) }
            return try parseAsRoot(withRecipe(hints.arguments))
        } catch {
            // Of processes that were started together the first says it.
            if let rank = LaunchedRank.current()?.rank, rank > 0 { CLibrary.exit(exitCode(for: error).rawValue) }
            if hints.unknownVerb != nil { exit(withError: error) }
            guard exitCode(for: error).rawValue == ExitStatus.usage.rawValue, let line = hints.unknownOption else { exit(withError: error) }
            // The usage of the verb stays.
            let text = fullMessage(for: error)
            fputs("Error: \(line)\(text.firstRange(of: "\nUsage: ").map { String(text[$0.lowerBound...]) } ?? "")\n", StandardStream.error)
            CLibrary.exit(ExitStatus.usage.rawValue)
        }
    }

    /// The arguments with what a recipe among them says.
    private static func withRecipe(_ arguments: [String]) -> [String] {
        do {
            return try Recipe.expanded(arguments)
        } catch {
            if (LaunchedRank.current()?.rank ?? 0) == 0 { fputs("caplet: error: \(error)\n", StandardStream.error) }
            CLibrary.exit(((error as? UsageError)?.status ?? ExitStatus(error)).rawValue)
        }
    }

    /// Text cannot stand for an argument that is not UTF-8: a file of another name would be read or written.
    private static func checkArguments() {
        for index in 1..<max(Int(CommandLine.argc), 1) {
            guard let argument = CommandLine.unsafeArgv[index] else { continue }
            let bytes = UnsafeRawBufferPointer(start: argument, count: strlen(argument))
            if String(validating: bytes, as: UTF8.self) == nil {
                fputs("caplet: error: argument \(index), '\(String(cString: argument))', is not UTF-8 text\n", StandardStream.error)
                CLibrary.exit(ExitStatus.usage.rawValue)
            }
        }
    }
}
