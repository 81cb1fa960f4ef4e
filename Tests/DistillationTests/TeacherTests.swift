import Backpropagation
import Calibration
import Execution
import FormatKit
import LinearAlgebra
import ModelGraph
import Models
import PassKit
import SafetensorsFormat
import TestSupport
import XCTest

/// What is learned of a teacher, against torch.
final class TeacherTests: XCTestCase {
    private static let sequences: [[Int32]] = [(0..<30).map { Int32($0 * 37 % 101) }, (0..<17).map { Int32($0 * 11 % 101) }]
    private static var folder: TemporaryFolder?

    override class func tearDown() { folder = nil }

    /// Students of three blocks, whose linear layers are not the original's, and teachers: of five blocks; of two; of another width and with rows
    /// that fill its head up. For each the loss and its gradients by torch's automatic differentiation in double precision.
    override class func setUp() {
        folder = try? TemporaryFolder()
        _ = try? PythonProcess.run(
            """
            import sys, torch
            import torch.nn.functional as f
            from safetensors.torch import save_file
            from transformers import LlamaConfig, LlamaForCausalLM
            out = sys.argv[1]
            def made(seed, **settings):
                torch.manual_seed(seed)
                shape = dict(vocab_size=101, hidden_size=64, intermediate_size=88, num_hidden_layers=3, num_attention_heads=4,
                             num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.1)
                return LlamaForCausalLM(LlamaConfig(**{**shape, **settings})).float().eval()
            original, student = made(1), made(2)
            state = original.state_dict()
            student.load_state_dict({k: v if 'proj' in k else state[k] for k, v in student.state_dict().items()})
            original.save_pretrained(f'{out}/original'), student.save_pretrained(f'{out}/student')
            teachers = {'deep': made(3, num_hidden_layers=5), 'flat': made(4, num_hidden_layers=2),
                        'wide': made(5, hidden_size=96, num_attention_heads=6, vocab_size=128)}
            def states(model, ids):  # what leaves each block; transformers norms the last of hidden_states
                found = []
                hooks = [b.register_forward_hook(lambda m, i, o: found.append(o[0] if isinstance(o, tuple) else o))
                         for b in model.model.layers]
                logits = model(ids).logits
                [h.remove() for h in hooks]
                return [h.reshape(ids.shape[1], -1) for h in found], logits[0]
            student = student.double()
            for name, temperature, hidden, places in [('deep', 2.5, 0.7, [1, 3, 4]), ('flat', 1, 0.3, [0, 1, 1]), ('wide', 1.5, 0, [])]:
                teacher = teachers[name]
                teacher.save_pretrained(f'{out}/{name}')
                teacher = teacher.double()
                student.zero_grad()
                total, count = 0, 0
                for ids in [[i * 37 % 101 for i in range(30)], [i * 11 % 101 for i in range(17)]]:
                    tokens = torch.tensor([ids])
                    with torch.no_grad():
                        theirs, expected = states(teacher, tokens)
                    ours, found = states(student, tokens)
                    expected = torch.log_softmax(expected[:, :101] / temperature, -1)
                    found = torch.log_softmax(found / temperature, -1)
                    total = total + temperature**2 * f.kl_div(found, expected, log_target=True, reduction='sum')
                    for h, place in zip(ours, places):
                        h0 = theirs[place]
                        total = total + hidden / len(ours) * (((h - h0) ** 2).sum(-1) / (h0**2).sum(-1)).sum()
                    count += len(ids)
                (total / count).backward()
                save_file({k: v.grad.float() for k, v in student.named_parameters() if 'proj' in k}, f'{out}/{name}.gradients')
                open(f'{out}/{name}.loss', 'w').write(repr((total / count).item()))
            """, [folder?.path("") ?? ""])
    }

    private func path(_ name: String) throws -> String { try XCTUnwrap(TeacherTests.folder).path(name) }
    private func model(_ name: String) throws -> Model { try Model(SafetensorsFormat().read(path(name), ReadContext())) }

    private func weights(of student: Model) throws -> [String: Matrix] {
        try Dictionary(
            uniqueKeysWithValues: student.graph.tensors.filter { $0.role == .linear && $0.name != "lm_head.weight" }.map {
                ($0.name, try $0.payload.densifiedMatrix())
            })
    }

    private func gradients(threads: Int) throws -> (TensorGraph, any GradientProvider) {
        let original = try model("original")
        let teachers = try Dictionary(uniqueKeysWithValues: ["deep", "flat", "wide"].map { ($0, try model($0)) })
        let calibration = try CalibrationModel(
            original, tokens: TokenSequences(TeacherTests.sequences), teachers: teachers, ExecutionContext(threads: threads))
        return (original.graph, try XCTUnwrap(calibration.gradients))
    }

    func testLossAndGradientsAreThoseOfTorch() throws {
        let weights = try weights(of: model("student"))
        let (original, gradients) = try gradients(threads: 2)
        for (name, temperature, hidden) in [("deep", 2.5, 0.7), ("flat", 1, 0.3), ("wide", 1.5, 0)] {
            let objective = try gradients.distillation(
                of: original, DistillationAim(teacher: name, temperature: temperature, hidden: hidden))
            var found: [String: Matrix] = [:]
            let value = try objective.value(sequences: [0, 1], replacing: ReplacedWeights(weights)) { found[$0] = $1 }
            let text = try String(decoding: TemporaryFolder.bytes(of: path("\(name).loss")), as: UTF8.self)
            let expected = try XCTUnwrap(Double(text), text)
            XCTAssertEqual(value / expected, 1, accuracy: 1e-4, name)
            XCTAssertEqual(
                try objective.value(sequences: [0, 1], replacing: ReplacedWeights(weights), gradient: nil), value, accuracy: 1e-9 * value)
            let theirs = try SafetensorsFormat().read(path("\(name).gradients"), ReadContext())
            XCTAssertEqual(Set(found.keys), Set(theirs.tensors.map(\.name)))
            for tensor in theirs.tensors {
                let ours = try XCTUnwrap(found[tensor.name])
                XCTAssertLessThan(
                    ours.relativeFrobeniusError(to: try tensor.payload.densifiedMatrix()), 2e-4, "\(name): \(tensor.name)")
            }
        }
    }

    /// Of some blocks' weights alone the value is that of the whole model all the same, and threads change nothing.
    func testBlocksThatDoNotMoveCountToo() throws {
        let aim = DistillationAim(teacher: "deep", temperature: 2, hidden: 0.5)
        let last = try weights(of: model("student")).filter { $0.key.contains("layers.2.") }
        var found: [[String: Matrix]] = []
        var values: [Double] = []
        for threads in [1, 3] {
            let (original, gradients) = try gradients(threads: threads)
            let objective = try gradients.distillation(of: original, aim)
            var one: [String: Matrix] = [:]
            values.append(try objective.value(sequences: [1, 0], replacing: ReplacedWeights(last)) { one[$0] = $1 })
            values.append(try objective.value(sequences: [1, 0], replacing: ReplacedWeights(last), gradient: nil))
            found.append(one)
        }
        XCTAssertEqual(Set(values).count, 1, "\(values)")
        XCTAssertEqual(found[0].count, 7)
        for (name, gradient) in found[0] { XCTAssertEqual(gradient.elements, found[1][name]?.elements, name) }
    }

    /// Of blocks of the same share of the depth.
    func testBlocksStandForBlocks() {
        XCTAssertEqual((0..<3).map { TeacherStates.block($0, of: 3, teacher: 5) }, [1, 3, 4])
        XCTAssertEqual((0..<3).map { TeacherStates.block($0, of: 3, teacher: 2) }, [0, 1, 1])
        XCTAssertEqual((0..<4).map { TeacherStates.block($0, of: 4, teacher: 12) }, [2, 5, 8, 11])
    }

    func testTeachersThatDoNotFit() throws {
        let (original, gradients) = try gradients(threads: 1)
        XCTAssertThrowsError(try gradients.distillation(of: original, DistillationAim(teacher: "wide", hidden: 1))) {
            XCTAssertTrue("\($0)".contains("width of 96, the model's one of 64"), "\($0)")
        }
        XCTAssertThrowsError(try gradients.distillation(of: original, DistillationAim(teacher: "elsewhere"))) {
            XCTAssertTrue("\($0)".contains("elsewhere: no model is read from there"), "\($0)")
        }
    }
}
