import CapletRuntime

/// Prints what a model in a `.caplet` writes after a prompt: Generate small.caplet "Once upon a time".
@main
struct Generate {
    static func main() throws {
        guard CommandLine.arguments.count == 3 else { return print("usage: Generate MODEL.caplet PROMPT") }
        let model = try LanguageModel(path: CommandLine.arguments[1])
        let answer = try model.generate(CommandLine.arguments[2], GenerationOptions(maxTokens: 64, temperature: 0))
        while let text = try answer.next() { print(text, terminator: "") }
        print()
    }
}
