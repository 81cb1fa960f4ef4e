import Architectures
import PassKit

/// Which teachers a model can learn of.
public enum DistillationRules {
    /// Whether there is a reason against it is known of the hyperparameters alone; vocabularies are compared where models are opened.
    ///
    /// - Throws: `PassError` with the reason.
    public static func check(_ aim: DistillationAim, _ student: ModelConfiguration, _ teacher: ModelConfiguration) throws {
        func refused(_ message: String) -> PassError { PassError(.unsupported, pass: "distill", message) }
        let name = aim.teacher ?? "original"
        guard student.design.isCausal, teacher.design.isCausal else {
            if aim.teacher != nil { throw refused("teacher=\(name): encoders have no predictions to agree on; only teacher=original goes") }
            if aim.temperature != 1 { throw refused("temperature= goes with models that predict tokens, not with an encoder") }
            return
        }
        guard aim.hidden == 0 || student.hiddenSize == teacher.hiddenSize else {
            throw refused(
                "teacher=\(name): its hidden states have a width of \(teacher.hiddenSize), the model's one of \(student.hiddenSize), so that "
                    + "they cannot be compared; hidden=0 goes")
        }
    }
}
