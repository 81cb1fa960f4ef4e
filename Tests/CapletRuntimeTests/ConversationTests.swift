import Execution
import FormatKit
import ModelGraph
import Models
import SafetensorsFormat
import StrictJSON
import TestSupport
import XCTest
@testable import CapletRuntime

/// Conversations of the bundled model, with a template that it does not come with.
final class ConversationTests: XCTestCase {
    private static let template =
        "{{ bos_token }}{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}"
        + "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"

    private func model(_ template: String? = ConversationTests.template) throws -> LanguageModel {
        var graph = try SafetensorsFormat().read(BundledModel.folder, ReadContext())
        if let template { graph.attach(Attachment(name: "chat_template.jinja", bytes: Array(template.utf8))) }
        return try LanguageModel(Model(graph), threads: 1)
    }

    private func text(_ conversation: Conversation, _ question: String) throws -> (text: String, answer: Generation) {
        let answer = try conversation.ask(question)
        var text = ""
        while let piece = try conversation.next() { text += piece }
        return (text, answer)
    }

    private func text(_ generation: Generation) throws -> String {
        var text = ""
        while let piece = try generation.next() { text += piece }
        return text
    }

    /// With draws too, every answer is that to the same history without a cache, and only what is new is run.
    func testAnswersAreThoseToTheHistory() throws {
        let model = try model()
        for options in [GenerationOptions(maxTokens: 4, temperature: 0), GenerationOptions(maxTokens: 4, temperature: 1, seed: 4)] {
            let conversation = try Conversation(model, system: "We speak of peace.", options)
            var before = 0
            for question in ["Who are you?", "And the people?"] {
                let history = conversation.messages + [["role": "user", "content": .string(question)]]
                let (said, answer) = try text(conversation, question)
                let anew = try model.generate(messages: history, options)
                XCTAssertEqual(said, try text(anew))
                XCTAssertEqual(answer.promptTokens, anew.promptTokens)
                XCTAssertEqual(anew.reusedTokenCount, 0)
                // Of the answer before, the tokens may be other ones than its text's, and its last one was not run.
                XCTAssertGreaterThanOrEqual(answer.reusedTokenCount, before)
                XCTAssertLessThan(answer.reusedTokenCount, answer.promptTokens.count)
                before = answer.promptTokens.count
                XCTAssertEqual(conversation.messages.last, ["role": "assistant", "content": .string(said)])
            }
            XCTAssertEqual(conversation.messages.count, 5)
            let first = try text(Conversation(model, system: "We speak of peace.", options), "And the people?").text
            conversation.reset()
            XCTAssertEqual(conversation.messages.count, 1)
            XCTAssertEqual(try text(conversation, "And the people?").text, first)
        }
    }

    func testTheOldestTurnsAreLeftOut() throws {
        let model = try model()
        let options = GenerationOptions(maxTokens: 4, temperature: 0, context: 48)
        let conversation = try Conversation(model, system: "We speak.", options)
        var leftOut = 0
        for index in 0..<4 {
            let (said, answer) = try text(conversation, "This is question \(index).")
            leftOut += conversation.turnsLeftOut
            XCTAssertLessThanOrEqual(answer.promptTokens.count + answer.tokens.count, 48)
            XCTAssertEqual(conversation.messages.first, ["role": "system", "content": "We speak."])
            XCTAssertEqual(conversation.messages.count, 1 + 2 * (index + 1 - leftOut))
            XCTAssertEqual(said, try text(model.generate(messages: Array(conversation.messages.dropLast()), options)))
        }
        XCTAssertGreaterThan(leftOut, 1)
        // A question that does not fit by itself changes nothing.
        let before = conversation.messages
        XCTAssertThrowsError(try conversation.ask(String(repeating: "people ", count: 80))) {
            XCTAssertTrue("\($0)".contains("and a context of 48"), "\($0)")
        }
        XCTAssertEqual(conversation.messages, before)
        XCTAssertNil(try conversation.next())
    }

    func testAnInterruptedAnswerStays() throws {
        let model = try model()
        var options = GenerationOptions(maxTokens: 8, temperature: 0)
        let isAsked = Box()
        options.cancellation = Cancellation(orWhen: { isAsked.value })
        let conversation = try Conversation(model, options)
        try conversation.ask("Who are you?")
        let said = try XCTUnwrap(conversation.next()) + XCTUnwrap(conversation.next())
        isAsked.value = true
        XCTAssertThrowsError(try conversation.next()) { XCTAssertTrue($0 is Cancelled) }
        XCTAssertEqual(conversation.messages.last, ["role": "assistant", "content": .string(said)])
        // Where nothing was said yet, nothing was asked.
        try conversation.ask("Why?")
        XCTAssertThrowsError(try conversation.next())
        XCTAssertEqual(conversation.messages.count, 2)
        isAsked.value = false
        let history = conversation.messages + [["role": "user", "content": "Why?"]]
        XCTAssertEqual(try text(conversation, "Why?").text, try text(model.generate(messages: history, options)))
    }

    /// One thread sets and reads it.
    private final class Box: @unchecked Sendable { var value = false }

    func testWithoutATemplate() throws {
        XCTAssertThrowsError(try Conversation(model(nil))) {
            guard case RuntimeError.noChatTemplate = $0 else { return XCTFail("\($0)") }
        }
    }

    func testStopTexts() throws {
        let model = try model()
        let whole = try text(model.generate("The people of this country", GenerationOptions(maxTokens: 24, temperature: 0)))
        // Three letters around a space, which are of two tokens at least.
        let space = try XCTUnwrap(whole.dropFirst(12).firstIndex(of: " "))
        let stop = String(whole[whole.index(space, offsetBy: -2)...whole.index(space, offsetBy: 2)])
        let options = GenerationOptions(maxTokens: 24, temperature: 0, stops: ["nowhere at all", stop])
        let answer = try model.generate("The people of this country", options)
        let range = try XCTUnwrap(whole.firstRange(of: stop))
        XCTAssertEqual(try text(answer), String(whole[..<range.lowerBound]))
        XCTAssertEqual(answer.end, .stop)
        XCTAssertLessThan(answer.tokens.count, 24)
        XCTAssertNil(try answer.next())
        // A beginning at the end of the answer is text.
        let unfinished = GenerationOptions(maxTokens: 24, temperature: 0, stops: [whole.suffix(3) + "§"])
        XCTAssertEqual(try text(model.generate("The people of this country", unfinished)), whole)
        XCTAssertThrowsError(try model.generate("a", GenerationOptions(stops: [""])))
        for bad in [GenerationOptions(topK: -1), GenerationOptions(minP: 1.1), GenerationOptions(repetitionPenalty: 0)] {
            XCTAssertThrowsError(try model.generate("a", bad))
        }
    }
}
