# The service of the team.
resource "aws_ecs_service" "hello" {
  name            = "hello"
  task_definition = aws_ecs_task_definition.hello.arn
}
